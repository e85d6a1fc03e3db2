# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Analyse a photo" with a stand-in for the model."""

import numpy as np
import pytest

from mmfashion_ext.app import uploads
from mmfashion_ext.app.clothes import HEADINGS, analyse, readable
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.images import read_image


class Infer:
    """Finds a skirt in every image, with or without landmarks."""

    def __init__(self, landmarks=True):
        self.landmarks = landmarks

    def __call__(self, inputs, **options):
        ((name, self.image),) = inputs.items()
        self.options = options
        found = {
            'input': name,
            'name': 'x',
            'bboxes': np.array([[1.4, 2, 20.6, 30]], np.float32),
            'scores': np.array([0.876], np.float32),
            'categories': ['long_sleeved_dress'],
            'visualization': self.image + 1,
        }
        if self.landmarks:
            found['keypoints'] = [np.zeros((8, 2))]
        return {'predictions': [found], 'skipped': []}

    def to_json(self, prediction):
        return {**prediction, 'masks': ['rle']}


def test_rows_drawing_and_json(upload):
    infer, file = Infer(), upload('street.png')
    found = analyse(file, infer, 0.4)
    np.testing.assert_array_equal(infer.image, read_image(file.path))
    assert infer.options == {
        'draw': True,
        'score_thr': 0.4,
        'draw_score_thr': 0.4,
        'duplicate_iou': 0.7,
    }
    assert found.rows == [('long sleeved dress', '0.88', '1 2 21 30', '8')]
    assert len(found.rows[0]) == len(HEADINGS)
    np.testing.assert_array_equal(found.drawn, infer.image + 1)
    assert found.prediction['input'] == 'street.png'
    assert found.prediction['masks'] == ['rle']
    assert 'visualization' not in found.prediction
    assert isinstance(found.prediction['bboxes'], list)
    assert found.notes == []


def test_without_a_landmark_head(upload):
    assert analyse(upload(), Infer(False), 0.4).rows[0][-1] == '0'


def test_a_reduced_photo_is_named(upload, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_SIDE', 20)
    (note,) = analyse(upload('a.png'), Infer(), 0.4).notes
    assert 'reduced from' in note


def test_a_bad_file_runs_no_model(upload):
    with pytest.raises(UserError, match='cannot be read as an image'):
        analyse(upload('a.png', b'x'), None, 0.4)
    with pytest.raises(UserError, match='No file was chosen'):
        analyse(None, None, 0.4)


def test_readable():
    assert readable('short_sleeved_shirt') == 'short sleeved shirt'
