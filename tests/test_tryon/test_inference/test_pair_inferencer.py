# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Options that do not fit; test_inferencer.py runs pairs of all kinds."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.pair_inferencer import PairInferencer
from mmfashion_ext.tryon.inference.pair_session import PairSession
from mmfashion_ext.tryon.inference.results import TryOnImages


class Session(PairSession):
    def cloth_bytes(self, size):
        return 1

    def _dress(self, batch):
        return [loaded.inputs['person'] for loaded in batch]

    def to_images(self, output):
        strip = np.hstack([output] * 3)
        return TryOnImages(output, output, output[..., 0], strip)


class Infer(PairInferencer):
    def __init__(self):
        self.batch_size, self.show_progress = 1, False

    def _new_session(self):
        return Session(None, 1, keeps_photograph=False)


IMAGE = np.full((20, 16, 3), 9, np.uint8)
MASK = np.full((20, 16), 255, np.uint8)


def test_runs_any_session(tmp_path):
    result = Infer()(IMAGE, IMAGE, MASK, out_dir=tmp_path, keep_arrays=False)
    (found,) = result['predictions']
    assert 'try_on' not in found
    assert (tmp_path / f'predictions/{found["name"]}.png').is_file()
    (found,) = Infer()(IMAGE, IMAGE, MASK, draw=True)['predictions']
    assert found['visualization'].shape == (20, 48, 3)


def test_options_that_need_a_folder():
    with pytest.raises(UserError, match='resume=True needs the out_dir'):
        Infer()(IMAGE, IMAGE, MASK, resume=True)
    with pytest.raises(UserError, match='would return and write no image'):
        Infer()(IMAGE, IMAGE, MASK, keep_arrays=False)


class Negative(Session):
    """Keeps the photograph; a try-on is the negative of what it sees."""

    def __init__(self):
        super().__init__((32, 24), 1, keeps_photograph=True)

    def _dress(self, batch):
        self.seen = [loaded.inputs['person'].shape for loaded in batch]
        return [255 - x.originals['person'][..., ::-1] for x in batch]


class InferNegative(Infer):
    def _new_session(self):
        self.session = Negative()
        return self.session


class TestPersonBox:
    """A person off centre would be a few px of the network's frame."""

    PHOTOGRAPH = np.full((60, 200, 3), (10, 60, 90), np.uint8)

    def infer(self, **options):
        infer = InferNegative()
        result = infer(self.PHOTOGRAPH, IMAGE, MASK, **options)
        assert infer.session.seen == [(32, 24, 3)]
        return result['predictions'][0]

    @pytest.mark.parametrize('found', [False, True])
    def test_the_part_is_put_back_into_the_photograph(self, found):
        box = (150, 10, 170, 40)
        given = []

        def find(image):
            given.append(image)
            return box

        made = self.infer(person_box=find if found else box, draw=True)
        changed = (made['try_on'] != self.PHOTOGRAPH).all(axis=2)
        rows, columns = (
            changed.any(1).nonzero()[0],
            changed.any(0).nonzero()[0],
        )
        # 30 px and 5 % above and below, 3:4
        assert (rows[0], rows[-1]) == (8, 40)
        assert (columns[0], columns[-1]) == (148, 172)
        assert (made['try_on'][changed] == (245, 195, 165)).all()
        assert made['warped_cloth'].shape == self.PHOTOGRAPH.shape
        assert made['warped_mask'].shape == self.PHOTOGRAPH.shape[:2]
        assert not made['warped_mask'][~changed].any()
        assert made['visualization'].shape == (33, 3 * 25, 3)
        if found:  # it is given what users give: BGR
            assert np.array_equal(given[0], self.PHOTOGRAPH)

    def test_nobody_found_is_said(self):
        made = self.infer(person_box=lambda image: None)
        assert made['notes'][0] == (
            'no person was found, the whole photograph is used'
        )
        assert (made['try_on'] == (245, 195, 165)).all()

    def test_results_of_another_box_are_made_again(self, tmp_path):
        runs = []
        for box in ((0, 0, 9, 9), (0, 0, 9, 9), (0, 0, 9, 8), None):
            infer = InferNegative()
            options = {'person_box': box, 'out_dir': tmp_path, 'resume': True}
            infer(self.PHOTOGRAPH, IMAGE, MASK, **options)
            runs.append(hasattr(infer.session, 'seen'))
        assert runs == [True, False, True, True]

    def test_boxes_that_cannot_be_used(self):
        with pytest.raises(UserError, match='a network that keeps the photog'):
            Infer()(IMAGE, IMAGE, MASK, person_box=(0, 0, 9, 9))
        with pytest.raises(UserError, match='expected x1, y1, x2, y2 px, got'):
            InferNegative()(IMAGE, IMAGE, MASK, person_box=(0, 0, 9))
        with pytest.raises(UserError, match='inside a photograph of 16 x 20'):
            InferNegative()(IMAGE, IMAGE, MASK, person_box=(50, 0, 60, 9))
