# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions as COCO: pycocotools and supervision read what was written."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.interchange import CocoFolder, to_coco


def predict(path, count=2):
    """A prediction with masks and landmarks; an image if it is missing."""
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), 9, np.uint8))
    masks = np.zeros((count, 40, 60), bool)
    masks[:, 5:25, 10:30] = True
    return {
        'input': str(path),
        'bboxes': np.tile([10.0, 5, 30, 25], (count, 1)),
        'scores': np.linspace(0.9, 0.4, count),
        'labels': np.arange(count),
        'masks': masks,
        'keypoints': [
            np.full((points, 2), 7.5) for points in (25, 33)[:count]
        ],
    }


@pytest.fixture
def folder(tmp_path):
    """Two images of one name, and one without items."""
    found = CocoFolder(tmp_path / 'out')
    found.add(predict(tmp_path / 'a' / 'x.png'))
    found.add(predict(tmp_path / 'b' / 'x.png', 1))
    found.add(predict(tmp_path / 'b' / 'y.png', 0))
    found.close()
    return found.folder


def test_pycocotools_reads_it(folder):
    COCO = pytest.importorskip('pycocotools.coco').COCO
    coco = COCO(str(folder / 'labels.json'))
    names = [image['file_name'] for image in coco.loadImgs([1, 2, 3])]
    assert names == ['x.png', 'x-2.png', 'y.png']
    for name in names:
        assert cv2.imread(str(folder / 'data' / name)).shape == (40, 60, 3)
    first, second = coco.loadAnns(coco.getAnnIds(1))
    assert first['bbox'] == [10, 5, 20, 20]
    assert coco.loadCats(first['category_id'])[0]['name'] == (
        'short_sleeved_shirt'
    )
    assert (first['score'], second['score']) == (0.9, 0.4)
    mask = coco.annToMask(first)
    assert mask.sum() == 400
    assert mask[5:25, 10:30].all()
    (category,) = coco.loadCats(second['category_id'])
    assert len(category['keypoints']) == second['num_keypoints'] == 33
    assert second['keypoints'][:3] == [7.5, 7.5, 2]
    assert coco.getAnnIds(3) == []


def test_supervision_reads_it(folder):
    supervision = pytest.importorskip('supervision')
    dataset = supervision.DetectionDataset.from_coco(
        str(folder / 'data'), str(folder / 'labels.json'), force_masks=True
    )
    assert len(dataset) == 3
    _, _, found = next(iter(dataset))
    assert found.xyxy.tolist() == [[10, 5, 30, 25]] * 2
    assert found.mask[0].sum() == 400


def test_sizes_may_be_given_and_must_be_known(tmp_path):
    prediction = predict(tmp_path / 'a' / 'x.png')
    prediction['input'] = 'camera'
    coco = to_coco([prediction], {'camera': (60, 40)})
    assert (coco['images'][0]['width'], coco['images'][0]['height']) == (
        60,
        40,
    )
    with pytest.raises(UserError, match='camera is not an image file; pass'):
        to_coco([prediction])


def test_what_a_folder_refuses(folder, tmp_path):
    with pytest.raises(UserError, match='is not empty; name a new folder'):
        CocoFolder(folder)
    new = CocoFolder(tmp_path / 'new')
    frame = {**predict(tmp_path / 'a' / 'z.png'), 'frame_id': 3}
    with pytest.raises(UserError, match='COCO needs image files, got a frame'):
        new.add(frame)
    with pytest.raises(UserError, match='COCO needs image files'):
        new.add({**frame, 'input': 'https://example.org/a.jpg'})
