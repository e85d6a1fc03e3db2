# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Folders of photographs to a dataset of try-on, with a pretended parser."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.tryon.dataset import TryOnDataset
from mmfashion_ext.tryon.preparation.prepare import Preparation, prepare
from mmfashion_ext.tryon.transforms import LoadTryOn
from mmfashion_ext.utils.images import read_image

H, W = 128, 96


def photograph(garment=(30, 70, 30, 66), background=230, size=(H, W)):
    """A rectangle of a garment (rows, columns) on a plain background."""
    image = np.full((*size, 3), background, np.uint8)
    top, bottom, left, right = garment
    image[top:bottom, left:right] = 30, 60, 170
    return image


class Shop:
    def __init__(self, root):
        self.root = root
        self.calls = []

    def write(self, name, image):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)

    def parse(self, image):
        """Find what is red, as a top."""
        self.calls.append(image.shape)
        mask = image[..., 2].astype(int) - image[..., 0] > 60
        found = np.argwhere(mask)
        count = int(len(found) > 0)
        box = np.zeros((0, 4))
        if count:
            (y1, x1), (y2, x2) = found.min(0), found.max(0) + 1
            box = np.array([[x1, y1, x2, y2]])
        return {
            'labels': np.full(count, CLASS_NAMES.index('vest')),
            'scores': np.full(count, 0.9),
            'bboxes': box,
            'masks': mask[None][:count],
        }

    def prepare(self, pairs=None, **options):
        how = Preparation(**{'parser': self.parse, **options})
        clothes = self.root / 'clothes'
        return prepare(
            self.root / 'persons', clothes, self.root / 'out', how, pairs
        )


@pytest.fixture
def shop(tmp_path):
    """Two persons and two garments, of which one is on a noisy floor."""
    shop = Shop(tmp_path)
    shop.write('persons/anna.png', photograph())
    shop.write('persons/bo.png', photograph((40, 90, 20, 70)))
    shop.write('clothes/anna.png', photograph((20, 110, 20, 76)))
    shop.write('clothes/bo.png', photograph((15, 100, 25, 80)))
    return shop


def reasons(found):
    return {r.source.rpartition('/')[2]: r.reason for r in found.records}


def test_a_dataset_that_is_read_as_it_is(shop):
    found = shop.prepare()
    assert found.paired
    assert found.pairs == [
        ('anna.png', 'anna.png', 'upper_body'),
        ('bo.png', 'bo.png', 'upper_body'),
    ]
    out = shop.root / 'out'
    dataset = TryOnDataset(
        str(out), 'folder', annotations=['parse'], pipeline=[LoadTryOn()]
    )
    assert dataset.metainfo['paired']
    item = dataset[1]
    assert (item['parse'][40:90, 20:70] == 4).all()
    assert (item['parse'] > 0).sum() == 50 * 50
    on = item['cloth_mask'] >= 128
    assert on[20:95, 30:75].all()
    assert on.mean() == pytest.approx(85 * 55 / (H * W), abs=0.03)
    assert json.loads((out / 'unusable.json').read_text()) == {}
    assert read_image(out / 'sheet.jpg').shape[1] == 6 * 186


def test_one_reason_for_each_photograph_that_is_unusable(shop):
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    shop.write('clothes/noise.png', noise)
    shop.write('clothes/small.png', photograph(size=(40, 30)))
    shop.write('persons/none.png', np.full((H, W, 3), 90, np.uint8))
    shop.write('persons/anna.jpg', photograph())
    (shop.root / 'persons/torn.png').write_bytes(b'no image')
    found = shop.prepare()
    why = {name: text for name, text in reasons(found).items() if text}
    assert why['noise.png'].startswith('no plausible mask of the garment on')
    assert why['small.png'].startswith('30 x 40 px, expected 64 x 64 or more')
    assert why['none.png'] == 'the parser finds no garment on the person'
    assert 'has the same name' in why['anna.png']
    assert why['torn.png']
    assert all('\n' not in text for text in why.values())
    assert len(why) == 5
    assert len(found.pairs) == 2


def test_a_mask_is_given_made_or_refused(shop):
    mask = np.zeros((H, W), np.uint8)
    mask[15:100, 25:80] = mask[90:, 20:84] = 255
    shop.write('masks/bo.png', mask)
    shop.write('clothes/full.png', np.full((H, W, 3), 90, np.uint8))
    found = shop.prepare(masks=shop.root / 'masks')
    assert 'GrabCut found no garment' in reasons(found)['full.png']
    # one that is given is used, and looked at
    written = read_image(shop.root / 'out/masks/bo.png')[..., 0]
    assert (written == mask).all()
    (record,) = (r for r in found.records if r.notes)
    assert record.source.endswith('clothes/bo.png')
    assert record.notes[0].startswith('its mask touches the border (on 14% ')


def test_classes_are_the_names_of_folders(shop, tmp_path):
    for name, folder in (('anna', 'upper_body'), ('bo', 'lower_body')):
        shop.write(
            f'by_class/{folder}/{name}.png', photograph((20, 99, 20, 76))
        )
    found = prepare(
        tmp_path / 'persons',
        tmp_path / 'by_class',
        tmp_path / 'out',
        Preparation(),
    )
    assert [pair[2] for pair in found.pairs] == ['upper_body', 'lower_body']
    dataset = TryOnDataset(str(tmp_path / 'out'), 'folder', annotations=[])
    assert [dataset.get_data_info(n)['cloth_class'] for n in (0, 1)] == [
        *('upper_body', 'lower_body')
    ]


def test_persons_off_centre_are_cropped(shop):
    shop.write(
        'persons/bo.png', photograph((20, 60, 250, 290), size=(128, 300))
    )
    shop.prepare(crop=True)
    image = read_image(shop.root / 'out/persons/bo.png')
    parse = read_image(shop.root / 'out/parses/bo.png')[..., 0]
    assert image.shape[:2] == parse.shape
    h, w = parse.shape
    assert w / h == pytest.approx(3 / 4, abs=0.02)
    assert (parse > 0).sum() == 40 * 40
    red = image[..., 2].astype(int) - image[..., 0] > 60
    assert ((parse > 0) == red).all()
    with pytest.raises(UserError, match='cropping needs a parser'):
        shop.prepare(parser=None, crop=True)


def test_a_run_that_was_stopped_continues(shop, monkeypatch):
    seen = []

    def stop(image):
        seen.append(image.shape)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return shop.parse(image)

    with pytest.raises(KeyboardInterrupt):
        shop.prepare(parser=stop)
    assert len(shop.calls) == 1
    first = shop.prepare()
    assert len(shop.calls) == 2, 'the first person is done'
    assert shop.prepare() == first
    assert len(shop.calls) == 2
    # other settings: again
    shop.prepare(settings={'parser': 'another'})
    assert len(shop.calls) == 4
    (shop.root / 'out/persons/anna.png').unlink()
    shop.prepare(settings={'parser': 'another'})
    assert len(shop.calls) == 5


def test_pairs_of_a_file_and_all_combinations(shop):
    path = shop.root / 'pairs.txt'
    path.write_text('anna.png bo.png dresses\n')
    found = shop.prepare(pairs=path)
    assert found.pairs == [('anna.png', 'bo.png', 'dresses')]
    assert not found.paired
    path.write_text('anna.png no.png\n')
    with pytest.raises(UserError, match=r'names 1 images .*: no\.png'):
        shop.prepare(pairs=path)
    for name in ('anna', 'bo'):
        old = shop.root / f'clothes/{name}.png'
        old.rename(old.with_stem(f'shirt of {name}'))
    found = shop.prepare()
    assert len(found.pairs) == 4
    assert not found.paired


def test_joints_are_written(shop):
    joints = np.full((18, 3), 50, np.float32)
    shop.prepare(pose=lambda image: joints)
    dataset = TryOnDataset(
        str(shop.root / 'out'),
        'folder',
        annotations=['pose'],
        pipeline=[LoadTryOn()],
    )
    assert (dataset[0]['pose'] == 50).all()


def test_nothing_usable_is_an_error(shop):
    for name in ('anna', 'bo'):
        shop.write(f'persons/{name}.png', np.full((H, W, 3), 90, np.uint8))
    with pytest.raises(
        UserError, match=r'no person can be used: .*no garment'
    ):
        shop.prepare()
