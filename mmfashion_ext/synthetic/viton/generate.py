# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate VITON in the layout of PF-AFN, with the true flow of the warp.

::

    OUT/VITON_traindata/train_{img,color,edge,label,pose,densepose,flow}
    OUT/VITON_test/test_{img,clothes,edge,label,pose,densepose,flow}
    OUT/VITON_test/test_{truth,truth_flow}
    OUT/VITON_test/test_pairs.txt  test_pairs_paired.txt

Persons are ``000001_0.jpg``, their clothes ``000001_1.jpg``. ``test_truth``
has what no photograph can show: each person in the clothes that
``test_pairs.txt`` names; ``test_truth_flow`` has the flow of them.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ...errors import UserError
from ...formats.viton.layout import LAYOUTS, FileKind
from ..output import check_at_least, new_folder, one_thread
from .garment import Top, draw_flat_cloth, random_top
from .scene import Scene, downsample, draw_scene, drawing_size, random_scene

SPLITS = {split: LAYOUTS['viton', split] for split in ('train', 'test')}
CONTENTS = tuple(layout.base for layout in SPLITS.values())
#: Folders of the test set: persons in the clothes of ``test_pairs.txt``.
TRUTH, TRUTH_FLOW = (
    SPLITS['test'].folders[kind] for kind in ('truth', 'truth_flow')
)
MIN_SIZE = 64  # px, height
JPEG_QUALITY = 95


def _random_top_and_scene(
    seed: int, split: str, number: int
) -> tuple[Top, Scene]:
    """Sample the garment and the person of a number."""
    rng = np.random.default_rng([seed, list(SPLITS).index(split), number])
    return random_top(rng), random_scene(rng)


def _write(root: Path, split: str, number: int, seed: int, size: int) -> None:
    """Draw a person and a garment, and write all their files."""
    layout = SPLITS[split]
    top, scene = _random_top_and_scene(seed, split, number)
    flat = draw_flat_cloth(top, drawing_size(size))
    sample = draw_scene(scene, top, flat)
    mask = np.where(downsample(flat.mask) > 127, 255, 0).astype(np.uint8)
    joints = np.round(sample.joints, 3).ravel().tolist()
    pose = {'version': 1.0, 'people': [{'pose_keypoints': joints}]}
    person, cloth = f'{number:06d}_0', f'{number:06d}_1'
    files: dict[FileKind, tuple[str, bytes]] = {
        'person': (f'{person}.jpg', _packed('.jpg', sample.image)),
        'cloth': (f'{cloth}.jpg', _packed('.jpg', downsample(flat.on_white))),
        'cloth_mask': (f'{cloth}.jpg', _packed('.jpg', mask)),
        'parse': (f'{person}.png', _packed('.png', sample.parse_map)),
        'pose': (f'{person}_keypoints.json', json.dumps(pose).encode()),
        'densepose': (
            f'{person}.npy',
            _bytes(lambda file: np.save(file, sample.densepose)),
        ),
        'flow': (f'{person}.npz', _flow_file(sample.flow)),
    }
    for kind, (name, content) in files.items():
        folder = root / layout.base / layout.folders[kind]
        (folder / name).write_bytes(content)


def _packed(suffix: str, image: np.ndarray) -> bytes:
    """Encode an image as JPEG or PNG."""
    options = []
    if suffix == '.jpg':
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _bytes(save: Callable[[io.BytesIO], None]) -> bytes:
    """Return what ``save`` writes to a file object."""
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _flow_file(flow: np.ndarray) -> bytes:
    """Encode a flow rounded to 1/64 px, which compresses well."""
    rounded = np.round(flow * 64) / 64
    return _bytes(lambda file: np.savez_compressed(file, flow=rounded))


def _unpaired(seed: int, numbers: range) -> dict[int, int]:
    """Assign to each person the garment of another, each garment once."""
    rng = np.random.default_rng([seed, len(SPLITS)])
    persons = rng.permutation(numbers)
    cloths = np.roll(persons, 1)
    return dict(zip(persons.tolist(), cloths.tolist(), strict=True))


def _write_truth(
    root: Path, number: int, other: int, seed: int, size: int
) -> None:
    """Write a person of the test set in the garment of another."""
    top, _ = _random_top_and_scene(seed, 'test', other)
    _, scene = _random_top_and_scene(seed, 'test', number)
    sample = draw_scene(scene, top, draw_flat_cloth(top, drawing_size(size)))
    base, name = root / SPLITS['test'].base, f'{number:06d}_0'
    (base / TRUTH / f'{name}.jpg').write_bytes(_packed('.jpg', sample.image))
    flow = base / TRUTH_FLOW / f'{name}.npz'
    flow.write_bytes(_flow_file(sample.flow))


def _write_pairs(root: Path, file: str, pairs: dict[int, int]) -> None:
    """Write a list of person and garment files."""
    lines = [f'{p:06d}_0.jpg {pairs[p]:06d}_1.jpg\n' for p in sorted(pairs)]
    (root / SPLITS['test'].base / file).write_text(''.join(lines))


def generate_viton(
    out: str | Path,
    *,
    num: int = 200,
    test: int | None = None,
    seed: int = 0,
    size: int = 256,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a synthetic dataset in the layout of VITON, with the true flow.

    Images are (h, w, 3), parse maps, masks and DensePose parts (h, w), flows
    (h, w, 2) with h = ``size`` and w = 3 / 4 h px.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV; person and garment i of a split do not
    depend on ``num``. The test set has other persons and garments than the
    training set. Nothing is left behind if it fails.

    Args:
        out (str or Path): Folder to create.
        num (int): Persons in the training set. Defaults to 200.
        test (int, optional): Persons in the test set, 0 or at least 2.
            Defaults to ``num // 4``, at least 2.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Height of the images, px; the width is three quarters
            of it. Defaults to 256.
        overwrite (bool): Replace an earlier dataset at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    test = max(2, num // 4) if test is None else test
    check_at_least(
        num=(num, 1), test=(test, 0), seed=(seed, 0), size=(size, MIN_SIZE)
    )
    if test == 1:
        raise UserError(
            'test must be 0 or at least 2, got 1: pairs need two persons'
        )
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        for layout in SPLITS.values():
            for name in layout.folders.values():
                (folder / layout.base / name).mkdir(parents=True)
        tests = range(1, test + 1)
        jobs = [('train', n) for n in range(1, num + 1)]
        jobs += [('test', n) for n in tests]
        others = _unpaired(seed, tests)
        for split, number in track(
            jobs, 'synthetic VITON', disable=not progress
        ):
            _write(folder, split, number, seed, size)
            if split == 'test':
                _write_truth(folder, number, others[number], seed, size)
        _write_pairs(folder, 'test_pairs.txt', others)
        _write_pairs(folder, 'test_pairs_paired.txt', {n: n for n in tests})
    return out
