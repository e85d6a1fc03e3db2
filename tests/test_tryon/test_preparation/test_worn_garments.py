# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.tryon.preparation.worn_garments import (
    CLASS_OF_LABEL,
    WornGarments,
)

H, W = 80, 60


def item(name, box, score=0.9):
    """A garment that fills a box, xyxy px."""
    mask = np.zeros((H, W), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return CLASS_NAMES.index(name), box, score, mask


def prediction(*items):
    labels, boxes, scores, masks = zip(*items, strict=True)
    return dict(
        labels=np.array(labels),
        bboxes=np.array(boxes, np.float32),
        scores=np.array(scores),
        masks=np.array(masks),
    )


TOP = item('short_sleeved_shirt', (20, 20, 40, 50))
TROUSERS = item('trousers', (22, 45, 38, 75))


def test_every_category_has_a_class():
    classes = dict(zip(CLASS_NAMES, CLASS_OF_LABEL, strict=True))
    assert classes['vest'] == classes['long_sleeved_outwear'] == 'upper_body'
    assert classes['skirt'] == classes['shorts'] == 'lower_body'
    assert classes['vest_dress'] == classes['sling_dress'] == 'dresses'


def test_a_parse_map_of_garments():
    worn = WornGarments.of(prediction(TROUSERS, TOP))
    ids = worn.parse_map()
    assert worn.classes == ['upper_body', 'lower_body']
    assert ids.dtype == np.uint8
    assert ids[30, 30] == 4
    assert ids[47, 30] == 4, 'a top lies on the trousers, better or not'
    assert ids[60, 30] == 8
    assert ids[5, 5] == 0


def test_items_of_low_score_are_left_out():
    found = prediction(TOP, item('skirt', (0, 0, 60, 80), score=0.4))
    assert WornGarments.of(found).classes == ['upper_body']
    assert len(WornGarments.of(found, 0.3).labels) == 2
    with pytest.raises(UserError, match='boxes without masks'):
        WornGarments.of({'labels': [], 'scores': [], 'bboxes': []})


class TestRegion:
    def test_a_person_off_centre(self):
        """Head, garments and a rim, 3:4, moved into the photograph."""
        worn = WornGarments.of(prediction(item('vest', (48, 30, 60, 50), 0.8)))
        rows, columns = worn.region()
        assert rows.start <= 30 - 9  # 0.45 of 20 px for the head
        assert rows.stop >= 50
        assert columns.stop == W
        assert columns.start <= 48
        wide, tall = columns.stop - columns.start, rows.stop - rows.start
        assert wide / tall == pytest.approx(3 / 4, abs=0.03)

    def test_wide_garments_are_whole(self):
        worn = WornGarments.of(prediction(item('skirt', (5, 40, 45, 50))))
        _, columns = worn.region()
        assert columns.start <= 5
        assert columns.stop >= 45

    def test_never_larger_than_the_photograph(self):
        worn = WornGarments.of(prediction(item('vest_dress', (0, 0, 60, 80))))
        assert worn.region() == (slice(0, H), slice(0, W))
        none = WornGarments.of(prediction(TOP), 1.0)
        assert none.region() == (slice(0, H), slice(0, W))
