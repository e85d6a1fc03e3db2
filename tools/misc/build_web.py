# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Build the try-on page (``web/``) into one folder for any static host.

Exports the published model of try-on, draws example people, cuts out example
garments, and bundles all of it with the packages of ``web/package-lock.json``.
Needs Node.js 20 or later with npm, and the extras ``tryon`` and ``onnx``.

Examples:
    python tools/misc/build_web.py
    python -m http.server --directory web/dist
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / 'web'
#: Photographs of demo/images (CC0) and what the page calls them.
GARMENTS = {
    't-shirt': 'T-shirt',
    'shirt': 'Shirt',
    'sweater': 'Sweater',
    'green_jacket': 'Green jacket',
    'red_jacket': 'Red jacket',
    'dress': 'Dress',
}
#: (h, w) px of a network whose config does not resize its images.
SIZE = (256, 192)
PEOPLE, PEOPLE_SEED = 4, 5
NODE = 20  # oldest version


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--model',
        default='tryon:balanced',
        help='name or alias of a model that keeps the photograph '
        '(default: %(default)s, the published one)',
    )
    parser.add_argument(
        '--weights', help='file or URL (default: the published ones)'
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help="px of the network's images, multiples of 32 (default: the "
        "config's)",
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=WEB / 'dist',
        help='folder to write, replaced (default: %(default)s)',
    )
    return parser.parse_args()


def build(
    out: Path,
    model: str = 'tryon:balanced',
    weights: str | None = None,
    size: Sequence[int] | None = None,
    people_height: int = 512,
) -> None:
    """Write the page.

    Args:
        out (Path): Folder, replaced.
        model (str): Name or alias of a model that keeps the photograph.
        weights (str, optional): File or URL. None: the published ones.
        size (Sequence[int], optional): (h, w) px of the network's images.
            None: those of its config.
        people_height (int): Px of the images of example people.

    Raises:
        UserError: Node.js or a package is missing, or the model does not fit.
    """
    node = install_packages()
    with tempfile.TemporaryDirectory() as folder:
        assets = Path(folder)
        write_model(assets / 'model', model, weights, size)
        write_examples(assets / 'examples', people_height)
        _run([node, str(WEB / 'build.mjs'), folder, str(out.absolute())])


def install_packages() -> str:
    """Install the npm packages unless they are there; return node's path.

    Raises:
        UserError: Node.js or npm is missing, too old, or fails.
    """
    node, npm = (shutil.which(name) for name in ('node', 'npm'))
    if node is None or npm is None:
        raise UserError(
            'the page is built by Node.js with npm, and they are not '
            f'installed: install Node.js {NODE} or later'
        )
    found = _run([node, '--version'])
    if int(found.strip('v').split('.')[0]) < NODE:
        raise UserError(f'Node.js is {found}, expected {NODE} or later')
    lock = (WEB / 'package-lock.json').read_bytes()
    # a copy of the lock file that was installed
    stamp = WEB / 'node_modules' / 'installed-lock.json'
    if not stamp.is_file() or stamp.read_bytes() != lock:
        _run([npm, 'ci', '--prefer-offline', '--no-audit', '--no-fund'])
        stamp.write_bytes(lock)
    return node


def _run(command: Sequence[str]) -> str:
    """Run a command in ``web/``; return what it prints."""
    done = subprocess.run(
        command, cwd=WEB, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(
            f'{" ".join(map(str, command[:3]))} failed: '
            f'{" ".join(lines[-3:])[:500]}'
        )
    return done.stdout.strip()


def write_model(
    folder: Path,
    model: str,
    weights: str | None = None,
    size: Sequence[int] | None = None,
) -> None:
    """Export the graphs that the page runs.

    Args:
        folder (Path): Folder to write: ``model.json``, ``person.onnx``,
            ``cloth.onnx`` and ``dress.onnx``.
        model (str): Name or alias of a model that keeps the photograph.
        weights (str, optional): File or URL. None: the published ones.
        size (Sequence[int], optional): (h, w) px. None: the config's.

    Raises:
        UserError: The model renders the whole person, or the size is wrong.
    """
    from mmfashion_ext.hub import config_path, published_weights
    from mmfashion_ext.tryon.inference.onnx_export import (
        check_sizes,
        export_folder,
    )
    from mmfashion_ext.tryon.inferencer import config_size, load_student

    if size is not None:
        check_sizes([(size[0], size[1])])
    student = load_student(model, weights or published_weights(model))
    if not getattr(student.generator, 'keeps_photograph', False):
        raise UserError(
            f'{model} renders the whole person; the page composes at the '
            'size of the photograph and needs a model that keeps it, '
            'pf-afn-mobile_*'
        )
    used = tuple(size or config_size(student.cfg) or SIZE)
    name = Path(config_path(model)).stem
    export_folder(student, folder, name, used, whole=False)


def write_examples(folder: Path, people_height: int = 512) -> None:
    """Write example people, garments and their masks, and their list.

    Args:
        folder (Path): Folder to write, with ``examples.json``.
        people_height (int): Px.
    """
    import cv2

    from mmfashion_ext.formats.garments.flat_mask import mask_garment
    from mmfashion_ext.synthetic import generate_viton

    folder.mkdir(parents=True)
    people, garments = [], []
    with tempfile.TemporaryDirectory() as temporary:
        generate_viton(
            temporary,
            num=1,
            test=PEOPLE,
            seed=PEOPLE_SEED,
            size=people_height,
            overwrite=True,
            progress=False,
        )
        images = sorted(Path(temporary).glob('VITON_test/test_img/*.jpg'))
        for number, image in enumerate(images, 1):
            file = f'person_{number}.jpg'
            shutil.copy(image, folder / file)
            people.append({'name': f'Person {number}', 'file': file})
    for stem, name in GARMENTS.items():
        source = ROOT / 'demo' / 'images' / f'{stem}.jpg'
        shutil.copy(source, folder)
        mask = f'{stem}_mask.png'
        cv2.imwrite(str(folder / mask), mask_garment(cv2.imread(str(source))))
        garments.append({'name': name, 'file': source.name, 'mask': mask})
    (folder / 'examples.json').write_text(
        json.dumps({'persons': people, 'garments': garments}, indent=2)
    )


def main() -> None:
    """Build the page and print how to look at it."""
    args = parse_args()
    build(args.out, args.model, args.weights, args.size)
    size = sum(f.stat().st_size for f in args.out.rglob('*') if f.is_file())
    print(f'wrote {args.out}, {size / 1e6:.1f} MB')
    print(f'look at it: python -m http.server --directory {args.out}')


if __name__ == '__main__':
    run_tool(main)
