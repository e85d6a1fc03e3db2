# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""tools/try_on.py and tools/misc/export_onnx.py as a user runs them."""

import json

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext import hub

TOOL = 'tools/try_on.py'
H, W = 64, 32


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Config and random weights of a narrow student."""
    folder = tmp_path_factory.mktemp('narrow')
    config = folder / 'narrow.py'
    base = hub.config_path('pf-afn_e2e_8xb4-100e_viton-256x192')
    config.write_text(
        f"""
_base_ = {base!r}
model = dict(
    warp_net=dict(
        widths=(4, 4, 6, 6, 6), channels=6, head_channels=(6, 4, 4)
    ),
    generator=dict(widths=(4, 4, 6, 6, 6)),
    perceptual=None,
)
"""
    )
    torch.manual_seed(0)
    weights = folder / 'narrow.pth'
    torch.save(
        {'state_dict': hub.get_model(str(config)).state_dict()}, weights
    )
    return config, weights


@pytest.fixture
def shop(tmp_path):
    """Two persons, two garments and the mask of one; one is damaged."""
    rng = np.random.default_rng(0)
    for kind in ('persons', 'clothes'):
        (tmp_path / kind).mkdir()
        for n in range(2):
            image = rng.integers(0, 256, (H, W, 3), np.uint8)
            cv2.imwrite(str(tmp_path / kind / f'{n}.png'), image)
    (tmp_path / 'clothes' / '1.png').write_bytes(b'not an image')
    mask = np.zeros((H, W), np.uint8)
    mask[10:50, 5:25] = 255
    (tmp_path / 'masks').mkdir()
    cv2.imwrite(str(tmp_path / 'masks' / '0.png'), mask)
    return tmp_path


def folders(shop):
    return (
        *(shop / 'persons', shop / 'clothes', '--mask', shop / 'masks'),
        *('--out', shop / 'out'),
    )


def test_grid_in_a_process_of_its_own(model, shop, run_python):
    done = run_python(TOOL, *model, *folders(shop), '--grid')
    assert '2 try-ons, 2 skipped, listed in its results' in done.stdout
    assert '1.png' in done.stdout
    assert 'cannot be read as' in done.stdout
    grid = cv2.imread(str(shop / 'out' / 'grid.jpg'))
    assert grid.shape == (20 + 3 * (64 + 20), 96, 3)  # with titles
    written = json.loads((shop / 'out' / 'results.json').read_text())
    assert len(written['predictions']) == len(written['skipped']) == 2


def test_pairs_and_resume(model, shop, run_tool):
    pairs = shop / 'pairs.txt'
    pairs.write_text('0.png 0.png\n1.png 0.png\n')
    command = (TOOL, *model, *folders(shop), '--pairs', pairs)
    done = run_tool(*command, '--size', 32, 64, '--batch-size', 2)
    assert '2 try-ons, 0 skipped' in done.stdout
    first = shop / 'out' / 'predictions' / '0__0.png'
    assert cv2.imread(str(first)).shape == (32, 64, 3)
    made = first.stat().st_mtime_ns
    (shop / 'out' / 'predictions' / '1__0.png').unlink()
    done = run_tool(*command, '--resume')
    assert '2 try-ons, 0 skipped' in done.stdout
    assert first.stat().st_mtime_ns == made
    again = cv2.imread(str(shop / 'out' / 'predictions' / '1__0.png'))
    assert again.shape == (H, W, 3)


def test_weights_are_an_option_or_the_second_argument(model, shop, run_tool):
    config, weights = model
    pair = shop / 'persons' / '0.png', shop / 'clothes' / '0.png'
    names = []
    for n, command in enumerate(
        (
            (config, weights, *pair, '--out', shop / '0'),
            (config, '--weights', weights, *pair, '--out', shop / '1'),
            (config, pair[0], '--out', shop / '2', pair[1]),
        )
    ):
        rest = ('--weights', weights) if n == 2 else ()
        run_tool(TOOL, *command, *rest, '--mask', shop / 'masks')
        made = shop / str(n) / 'predictions' / '0__0.png'
        names.append(made.read_bytes())
    assert names[0] == names[1] == names[2]


def test_mistakes_are_told_in_one_line(model, shop, run_tool):
    person = shop / 'persons' / '0.png'
    config, weights = model
    for command, message in (
        ((*model, person, shop / 'clothes' / '1.png'), 'cannot be read as'),
        ((*model, shop / 'persons', shop / 'clothes' / '1.png'), 'all 2 pair'),
        ((*model, shop / 'persons', shop / 'clothes'), 'two folders'),
        ((*model, person, person, '--size', 0, 3), '--size: expected two'),
        ((*model, person), 'no weights are published for narrow'),
        ((config, person), 'expected MODEL PERSON CLOTH or MODEL CHECKPOINT'),
        ((*model, person, person, person), 'got 5 arguments'),
        ((*model, person, person, '--weights', weights), 'got the weights tw'),
    ):
        out = '--out', shop / 'out'
        done = run_tool(TOOL, *command, *out, status=2)
        error = done.stderr.strip().splitlines()[-1]
        assert error.startswith('error: ')
        assert message in error


def test_export(model, tmp_path, run_tool):
    pytest.importorskip('onnxruntime')
    tool = 'tools/misc/export_onnx.py'
    out = tmp_path / 'exported'
    sizes = '--check-size', 64, 64, '--check-size', 96, 64
    done = run_tool(tool, *model, '--out', out, *sizes)
    assert '64 x 64 px (h x w): differs' in done.stdout
    assert '96 x 64 px (h x w): differs' in done.stdout
    assert (out / 'dress.onnx').is_file()
    content = json.loads((out / 'model.json').read_text())
    assert (content['system'], content['name']) == ('tryon', 'narrow')
    done = run_tool(
        tool, *model, '--out', out, '--check-size', 64, 32, status=2
    )
    assert 'multiples of 32 from 64, got 64 32' in done.stderr
