# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic import generate_deepfashion2, generate_fld
from mmfashion_ext.synthetic.drawing import photographs
from mmfashion_ext.synthetic.drawing.photographs import (
    CLASSES,
    GarmentPhotos,
    PhotoStyle,
    cut_out,
)
from mmfashion_ext.synthetic.drawing.textures import random_style

TABLE, CLOTH = (60, 60, 200), (180, 90, 30)  # BGR: a red table, blue cloth


def photograph(folder, name='a.jpg', cloth=CLOTH, table=TABLE):
    """A garment in the middle of a table, 120 x 160 px."""
    image = np.empty((160, 120, 3), np.uint8)
    image[:] = table
    image[30:150, 20:85] = cloth
    image[30:150:6, 20:85] = np.array(cloth) // 2
    noise = np.random.default_rng(0).integers(0, 12, image.shape, np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), image + noise)
    return folder / name


@pytest.fixture
def every_time(monkeypatch):
    monkeypatch.setattr(photographs, 'CLOTH_RATE', 1)
    monkeypatch.setattr(photographs, 'BACKGROUND_RATE', 1)


def test_the_garment_is_found(tmp_path):
    image, mask = cut_out(photograph(tmp_path))
    assert image.shape == (256, 192, 3)
    assert mask.shape == (256, 192)
    assert (mask[64:224, 44:124] == 255).all()
    assert (mask[:, 160:] == 0).all()
    assert set(np.unique(mask)) == {0, 128, 255}


def test_no_cloth_is_cut_from_a_photograph_without_a_garment(
    tmp_path, every_time
):
    for name, size in (('grey', (90, 60)), ('tiny', (3, 2))):
        image = np.full((*size, 3), 128, np.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
    photos = GarmentPhotos(tmp_path)
    style = random_style(np.random.default_rng(0), 1)
    for seed in range(4):
        assert photos.style(np.random.default_rng(seed), 1, style) is style


def test_cloth_is_cloth_and_background_is_background(tmp_path, every_time):
    photograph(tmp_path / 't-shirt')
    photos = GarmentPhotos(tmp_path)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        style = photos.style(rng, 1, random_style(rng, 1))
        assert isinstance(style, PhotoStyle)
        blue, _, red = np.moveaxis(style.tile.astype(int), 2, 0)
        assert (blue > red).all()
        assert style.base[0] > style.base[2]
        background = photos.background(rng, 90, 70)
        assert background.shape == (90, 70, 3)
        assert background.dtype == np.uint8
        blue, _, red = np.moveaxis(background.astype(int), 2, 0)
        assert (red > blue).all()


def test_tile_is_seamless(tmp_path, every_time):
    photos = GarmentPhotos(photograph(tmp_path).parent)
    rng = np.random.default_rng(0)
    tile = photos.style(rng, 1, random_style(rng, 1)).tile.astype(int)
    assert tile.shape == (photographs.TILE, photographs.TILE, 3)
    for axis in (0, 1):
        wrapped = np.abs(np.diff(tile, axis=axis, append=tile.take([0], axis)))
        seam = wrapped.take(-1, axis).mean()
        assert seam <= wrapped.mean() + 1


def test_classes_of_a_category(tmp_path, every_time):
    assert set(CLASSES) == set(range(1, 14))
    for name in ('pants', 'skirt', 'dress'):
        photograph(tmp_path / name)
    photos = GarmentPhotos(tmp_path)
    rng = np.random.default_rng(0)
    chosen = [photos._choose(rng, 8).parent.name for _ in range(60)]
    assert 0.7 < np.mean([name == 'pants' for name in chosen]) < 1
    # classes that the folder lacks
    assert photos._choose(rng, 1) in photos.files
    # what is not clothes, beside clothes
    photograph(tmp_path / 'shoes')
    assert GarmentPhotos(tmp_path).files == photos.files


def test_splits_do_not_share_photographs(tmp_path):
    train = photograph(tmp_path / 'train' / 'pants')
    validation = photograph(tmp_path / 'validation' / 'pants')
    assert GarmentPhotos(tmp_path, 'train').files == [train]
    for split in ('validation', 'val', 'test'):
        assert GarmentPhotos(tmp_path, split).files == [validation]
    # a folder without splits is used for all of them
    assert GarmentPhotos(tmp_path / 'train', 'test').files == [train]


def test_many_photographs_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, 'MOST_PHOTOS', 3)
    for k in range(8):
        (tmp_path / f'{k}.jpg').touch()
    chosen = {tuple(GarmentPhotos(tmp_path, seed=s).files) for s in range(4)}
    assert len(chosen) > 1
    assert all(len(files) == 3 for files in chosen)
    assert GarmentPhotos(tmp_path, seed=1).files in map(list, chosen)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(UserError, match='no images in this folder'):
        GarmentPhotos(tmp_path)
    with pytest.raises(UserError, match='no such folder'):
        generate_deepfashion2(tmp_path / 'out', textures=tmp_path / 'x')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('generate', [generate_deepfashion2, generate_fld])
def test_generators(tmp_path, every_time, generate):
    """The cloth of the photographs is seen, and the seed decides it all."""
    green, violet = (40, 200, 40), (200, 40, 200)
    photograph(tmp_path / 'photos', cloth=green, table=violet)
    shares = []
    images = []
    for name, textures in (('a', None), ('b', 'photos'), ('c', 'photos')):
        root = generate(
            tmp_path / name,
            num=6,
            val=1,
            size=96,
            textures=textures and tmp_path / textures,
            progress=False,
        )
        files = sorted(root.rglob('*.jpg'))
        images.append([file.read_bytes() for file in files])
        pixels = [cv2.imread(str(f)).reshape(-1, 3) for f in files]
        blue, g, red = np.concatenate(pixels).astype(int).T
        shares.append(((g > blue + 40) & (g > red + 40)).mean())
    assert images[1] == images[2] != images[0]
    assert shares[1] > max(0.08, 2 * shares[0])
