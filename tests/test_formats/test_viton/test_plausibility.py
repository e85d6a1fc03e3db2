# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.formats.viton.constants import (
    DENSEPOSE_PARTS,
    PARSE_LABEL_SETS,
)
from mmfashion_ext.formats.viton.plausibility import (
    doubt_densepose,
    doubt_mask,
    doubt_parse,
    doubt_pose,
)

pytestmark = pytest.mark.fault(12)

H, W = 96, 72


def problems(doubts):
    return [doubt.problem for doubt in doubts]


def garment(kind):
    """A garment on white, and its mask."""
    mask = np.zeros((H, W), np.uint8)
    if kind == 'shirt':
        mask[16:80, 20:52] = mask[18:40, 8:64] = 255
    else:  # trousers
        mask[8:88, 22:50] = 255
        mask[30:88, 33:39] = 0
    image = np.full((H, W, 3), 255, np.uint8)
    image[mask > 0] = 30, 60, 150
    return image, mask


@pytest.mark.parametrize('kind', ['shirt', 'trousers'])
class TestMasks:
    def test_its_own(self, kind):
        image, mask = garment(kind)
        assert problems(doubt_mask(mask, image)) == []
        soft = cv2.GaussianBlur(mask, (5, 5), 0)
        assert problems(doubt_mask(soft, image)) == []

    def test_inverted(self, kind):
        image, mask = garment(kind)
        assert problems(doubt_mask(255 - mask, image)) == ['is inverted']

    def test_of_everything_and_nearly_nothing(self, kind):
        image, mask = garment(kind)
        full = np.full_like(mask, 255)
        few = np.zeros_like(mask)
        few[40:44, 30:40] = 255
        for odd in (full, few):
            (doubt,) = doubt_mask(odd, image)
            assert doubt.problem == 'covers nearly nothing or everything'
        assert doubt.detail.startswith('1% of the image, expected 2% to 95%')

    def test_of_another_garment(self, kind):
        image, _ = garment(kind)
        _, other = garment('shirt' if kind == 'trousers' else 'trousers')
        assert problems(doubt_mask(other, image)) == [
            'does not fit its garment'
        ]

    def test_at_the_border(self, kind):
        image, mask = garment(kind)
        shifted = np.roll(mask, 30, axis=1)
        shifted[:40, -9:] = 255
        assert 'touches the border' in problems(doubt_mask(shifted, image))


def test_large_images_are_looked_at_coarsely():
    image, mask = garment('shirt')
    size = 16 * W, 16 * H
    image, mask = cv2.resize(image, size), cv2.resize(mask, size)
    assert problems(doubt_mask(mask, image)) == []
    assert problems(doubt_mask(255 - mask, image)) == ['is inverted']


def test_garments_like_their_background_are_not_doubted():
    """White on white, and on a background that is not plain."""
    image, mask = garment('shirt')
    rng = np.random.default_rng(0)
    image[mask > 0] = 240
    assert problems(doubt_mask(mask, image)) == []
    busy = rng.integers(0, 256, (H // 12, W // 12, 3), np.uint8)
    busy = cv2.resize(busy, (W, H), interpolation=cv2.INTER_NEAREST)
    assert problems(doubt_mask(mask, busy)) == []


#: Share of the height at which a part begins and ends.
HEIGHTS = {
    'hair': (0.03, 0.08),
    'face': (0.08, 0.15),
    'upper clothes': (0.15, 0.45),
    'pants': (0.45, 0.75),
    'left leg': (0.75, 0.9),
    'right leg': (0.75, 0.9),
    'left shoe': (0.9, 0.97),
    'right shoe': (0.9, 0.97),
}


def person(labels):
    """Parse map of an upright person in the labels of a set."""
    names = [name for name, _ in PARSE_LABEL_SETS[labels]]
    ids = np.zeros((H, W), np.uint8)
    for name, (top, bottom) in HEIGHTS.items():
        left, right = (30, 36) if 'left' in name else (36, 42)
        if ' ' not in name or name == 'upper clothes':
            left = 30
        rows = slice(round(top * H), round(bottom * H))
        ids[rows, left:right] = names.index(name)
    return ids


@pytest.mark.parametrize('labels', PARSE_LABEL_SETS)
def test_parse_maps_in_their_own_labels(labels):
    ids = person(labels)
    assert problems(doubt_parse(ids, labels)) == []
    assert problems(doubt_parse(ids[: H // 2], labels)) == []
    (doubt,) = doubt_parse(ids[::-1], labels)
    assert doubt.problem.startswith('has labels that do not fit')


@pytest.mark.parametrize('height', [H, H // 2])
@pytest.mark.parametrize(
    ('labels', 'read_as'),
    [
        ('viton', 'lip'),
        ('viton', 'atr'),
        ('viton', 'cihp'),
        ('lip', 'atr'),
        ('cihp', 'atr'),
        ('atr', 'lip'),
        ('atr', 'cihp'),
        ('atr', 'viton'),
        ('lip', 'viton'),
    ],
)
def test_parse_maps_of_other_labels(labels, read_as, height):
    """Those whose ids are in range; others are refused by the reader."""
    ids = person(labels)[:height]
    if ids.max() >= len(PARSE_LABEL_SETS[read_as]):
        ids = ids * (ids < len(PARSE_LABEL_SETS[read_as]))
    (doubt,) = doubt_parse(ids, read_as)
    assert doubt.problem == f'has labels that do not fit the set {read_as!r}'
    assert repr(labels) in doubt.detail


def test_parse_maps_without_what_is_replaced():
    assert problems(doubt_parse(np.zeros((H, W), np.uint8), 'lip')) == [
        'shows no person'
    ]
    ids = person('viton')
    ids[ids == 4] = 0
    assert problems(doubt_parse(ids, 'viton')) == ['has no upper clothes']


def pose():
    """18 joints of a person of the parse map above."""
    heights = [13, 18, 20, 30, 40, 20, 30, 40, 45, 65, 85, 45, 65, 85]
    joints = np.ones((18, 3), np.float32)
    joints[:, 0] = 36
    joints[:14, 1] = heights
    joints[14:, 1] = 11
    return joints


class TestPoses:
    size = H, W
    body = person('viton') > 0
    head = np.isin(person('viton'), (1, 12))

    def check(self, scale=(1, 1), shift=(0, 0)):
        joints = pose()
        joints[:, :2] = joints[:, :2] * scale + shift
        return problems(doubt_pose(joints, self.size, self.body, self.head))

    def test_plausible_ones(self):
        assert self.check() == []
        some = pose()
        some[10:] = 0  # not found
        assert problems(doubt_pose(some, self.size, self.body)) == []
        assert problems(doubt_pose(pose(), self.size)) == []

    def test_normalised(self):
        for scale, shift in (((1 / W, 1 / H), 0), ((2 / W, 2 / H), -1)):
            assert self.check(scale, shift) == ['has normalised joints']

    def test_of_other_sizes(self):
        assert self.check((2, 2)) == ['has joints outside the image']
        assert self.check((4 / 3, 4 / 3)) == ['has joints outside the image']
        (problem,) = self.check((0.3, 0.3))
        assert problem.startswith('has joints in the upper left quarter')
        assert 'has joints beside the head' in self.check((0.65, 0.65))

    def test_of_another_person(self):
        assert 'has joints beside the person' in self.check(shift=(25, 0))

    def test_of_no_person(self):
        for joints in (np.zeros((18, 3)), -3 * np.ones((18, 3))):
            (doubt,) = doubt_pose(joints, self.size)
            assert doubt.problem == 'shows no person'


def test_densepose():
    parts = np.zeros((H, W), np.uint8)
    for name, top, bottom in (
        ('head', 2, 14),
        ('torso', 14, 44),
        ('left upper leg', 44, 66),
        ('left foot', 86, 93),
    ):
        parts[top:bottom, 30:42] = DENSEPOSE_PARTS.index(name)
    parse = person('viton')
    assert problems(doubt_densepose(parts, parse)) == []
    assert problems(doubt_densepose(parts)) == []
    assert problems(doubt_densepose(parts * 0, parse)) == ['shows no person']
    assert problems(doubt_densepose(parts[::-1], parse)) == [
        'has parts that are not in the order of a body'
    ]
    beside = np.roll(parts, 25, axis=1)
    assert problems(doubt_densepose(beside, parse)) == [
        'lies beside the person of the parse map'
    ]
