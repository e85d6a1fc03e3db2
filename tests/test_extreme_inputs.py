# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One extreme, damaged or endless input among many never ends a run."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import build_inferencer, get_model, list_models

pytestmark = pytest.mark.fault(21)
SIZES = {  # (h, w)
    'thin': (4000, 1),
    'wide': (1, 4000),
    'long': (20000, 20),
    'dot': (1, 1),
    'usual': (90, 70),
}
BROKEN = ('damaged.png', 'device.png', 'loop.png')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('extreme')
    for name, size in SIZES.items():
        image = np.full((*size, 3), (40, 120, 200), np.uint8)
        cv2.imwrite(str(folder / f'{name}.png'), image)
    (folder / 'damaged.png').write_bytes(b'not an image')
    (folder / 'device.png').symlink_to('/dev/zero')
    (folder / 'loop.png').symlink_to(folder / 'loop.png')
    (folder / 'around').symlink_to(folder)
    return folder


def inferencer(prefix, **options):
    name = next(n for n in list_models('*synthetic*') if n.startswith(prefix))
    options |= {'batch_size': 3, 'show_progress': False}
    return build_inferencer(get_model(name), **options)


def names(entries, key='input'):
    return sorted(entry[key].rpartition('/')[2] for entry in entries)


@pytest.mark.parametrize('prefix', ['match-rcnn_r18', 'td-hm-udp_r18'])
def test_a_folder(folder, prefix):
    infer = inferencer(prefix)
    found = infer(folder)
    # Match R-CNN cannot shrink the long side and keep a pixel of the short
    refused = ['long.png', 'thin.png', 'wide.png']
    refused = refused if prefix.startswith('match') else []
    assert names(found['skipped']) == sorted([*BROKEN, *refused])
    used = {f'{name}.png' for name in SIZES} - {*refused}
    assert names(found['predictions']) == sorted(used)
    for name in (*BROKEN, *refused):
        with pytest.raises(UserError, match=name):
            infer(folder / name)


def test_tracklets(folder):
    infer = inferencer('scan_r10')
    frames = {
        name: [str(folder / f'{name}.png')] * 8
        for name in ('damaged', 'device', 'loop', *SIZES)
    }
    found = infer(frames, [frames['usual']] * 2)
    assert names(found['skipped']) == ['damaged', 'device', 'loop']
    assert names(found['predictions']) == sorted(SIZES)


def test_persons(folder):
    infer = inferencer('pf-afn_e2e', size=(128, 96))
    cloth = np.full((96, 72, 3), 200, np.uint8)
    mask = np.zeros((96, 72), np.uint8)
    mask[20:80, 15:60] = 255
    people = sorted(folder.glob('*.png'))
    found = infer(people, cloth, mask)
    assert names(found['skipped'], 'person') == sorted(BROKEN)
    expected = sorted(f'{name}.png' for name in SIZES)
    assert names(found['predictions'], 'person') == expected
