# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion try-on`` with random weights."""

import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.cli.dressing import person_finder


@pytest.fixture
def inputs(image, tmp_path):
    """Two persons, two garments on white, their masks."""
    image('p/p1.jpg', (128, 96))
    image('p/p2.jpg', (128, 96))
    cloth = np.full((128, 96, 3), 255, np.uint8)
    cloth[30:100, 20:70] = 40
    for name in ('c/c1.jpg', 'c/c2.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), cloth)
    (tmp_path / 'm').mkdir()
    for name in ('c1.png', 'c2.png'):
        mask = 255 * (cloth[..., 0] < 128)
        cv2.imwrite(str(tmp_path / 'm' / name), mask)


def test_the_image_is_written_and_named(mmfashion, inputs, weights, tmp_path):
    done = mmfashion('try-on', 'p/p1.jpg', 'c/c1.jpg', *weights('try-on'))
    name, _, file = done.stdout.strip().rpartition(': ')
    assert name == 'p/p1.jpg + c/c1.jpg'
    assert file == 'mmfashion_results/predictions/p1__c1.png'
    assert cv2.imread(str(tmp_path / file)).shape == (128, 96, 3)
    assert done.stderr == ''


def test_a_grid_as_json(mmfashion, inputs, weights, tmp_path):
    done = mmfashion(
        *('try-on', 'p', 'c', '--grid', '--mask', 'm', '--out', 'o'),
        *(*weights('try-on'), '--json', '--batch-size', '2'),
    )
    found = json.loads(done.stdout)
    assert len(found['predictions']) == 4
    assert found['skipped'] == []
    for prediction in found['predictions']:
        assert (tmp_path / prediction['try_on_file']).is_file()
    assert (tmp_path / 'o' / 'grid.jpg').is_file()


def test_what_cannot_be_tried_on(error, inputs, weights, tmp_path):
    (tmp_path / 'bad.jpg').write_text('no image')
    model = weights('try-on')
    assert 'bad.jpg' in error('try-on', 'p/p1.jpg', 'bad.jpg', *model)
    assert error('try-on', 'p', 'c', *model).startswith('p and c are two fo')
    assert 'run it with: mmfashion reid' in error(
        'try-on', 'p/p1.jpg', 'c/c1.jpg', *weights('reid')
    )


def test_persons_off_centre(error, inputs, weights):
    options = ('--person-box', '0', '0', '9', '9')
    call = 'try-on', 'p/p1.jpg', 'c/c1.jpg', *options
    assert 'needs a network that keeps the photograph' in error(
        *call, *weights('try-on')
    )
    assert 'not both' in error(*call, '--find-person')


def test_a_person_is_found_by_the_garments(monkeypatch):
    """The published Match R-CNN, by the name that the zoo gives it."""
    found = {
        'labels': np.array([0]),
        'scores': np.array([0.9]),
        'bboxes': np.array([[20.0, 30, 60, 80]]),
        'masks': np.ones((1, 100, 90), bool),
    }
    built = []

    def build(name, device, show_progress):
        built.append(name)
        return lambda image: {'predictions': [found]}

    monkeypatch.setattr('mmfashion_ext.hub.build_inferencer', build)
    find = person_finder()
    assert built[0].startswith('match-rcnn')
    x1, y1, x2, y2 = find(np.zeros((100, 90, 3), np.uint8))
    assert (x1, x2, y2) == (20, 60, 80)
    assert y1 < 15, 'the head is above a top'
    found['scores'][0] = 0.1
    assert find(np.zeros((100, 90, 3), np.uint8)) is None
