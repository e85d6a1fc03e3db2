# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.constants import TAGS
from mmfashion_ext.formats.ccp.labels import (
    read_image_tags,
    read_label_map,
    read_tag_list,
)

LABELS = np.array([[0, 13, 58], [0, 0, 41]], np.uint8)


def test_tags_in_any_order(empty):
    """The order of the file counts, since labels are indices into it."""
    assert read_tag_list(empty.tag_file) == TAGS
    empty.write_tags(['null', 'skirt', 'coat'])
    assert read_tag_list(empty.tag_file) == ('null', 'skirt', 'coat')


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['null', 'skrit'], r"'skrit' as name of label 1, .*\(is it 'skirt'"),
        (['null', 'kimono'], 'which is not one of the 59 tags; download'),
        (['null', 'coat', 'coat'], 'label 2, which label 1 has already'),
        (['coat', 'null'], "'coat' as name of label 0, expected 'null'"),
        (['null', ''], "holds.* '', expected the name of a tag"),
    ],
)
def test_other_tags_are_errors(empty, names, message):
    empty.write_tags(names)
    with pytest.raises(UserError, match=message) as error:
        read_tag_list(empty.tag_file)
    assert str(error.value).startswith(str(empty.tag_file))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"null": 0}', 'expected a list of names'),
        ('[0, 1]', 'expected the name of a tag'),
        ('[]', "None as name of label 0, expected 'null'"),
        ('["null"', 'not valid JSON'),
    ],
)
def test_other_json_is_an_error(tmp_path, content, message):
    path = tmp_path / 'label_names.json'
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_tag_list(path)


def test_matlab_files_without_the_list(tmp_path):
    path = tmp_path / 'label_list.mat'
    with pytest.raises(UserError, match='no such file'):
        read_tag_list(path)
    savemat(path, {'labels': 3})
    with pytest.raises(UserError, match='no variable label_list; download'):
        read_tag_list(path)
    savemat(path, {'label_list': 3})
    with pytest.raises(UserError, match='not a cell array'):
        read_tag_list(path)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(UserError, match='cannot be read'):
        read_tag_list(path)


@pytest.mark.parametrize('dtype', [np.uint8, np.int32, float])
def test_labels_of_matlab(tmp_path, dtype):
    path = tmp_path / '1.mat'
    savemat(path, {'groundtruth': LABELS.astype(dtype)})
    found = read_label_map(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, LABELS)


def test_labels_of_images(tmp_path):
    path = tmp_path / '1.png'
    grey = Image.fromarray(LABELS)
    palette = grey.convert('P')
    palette.putdata(LABELS.ravel())
    for image in (grey, palette, grey.convert('RGB')):
        image.save(path)
        np.testing.assert_array_equal(read_label_map(path), LABELS)


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (LABELS + 1, r'has groundtruth 59, expected whole numbers from 0 to'),
        (LABELS - 0.5, r'has groundtruth -0.5, 12.5'),
        (LABELS.astype(float) * np.nan, 'nan'),
        (LABELS[None], r'of shape \(1, 2, 3\)'),
        (LABELS * 1j, 'cannot be read .*not a real numeric'),
    ],
)
def test_labels_of_matlab_that_are_wrong(tmp_path, labels, message):
    path = tmp_path / '1.mat'
    savemat(path, {'groundtruth': labels})
    with pytest.raises(UserError, match=message) as error:
        read_label_map(path)
    assert str(path) not in str(error.value)


def test_labels_of_images_that_are_wrong(tmp_path):
    path = tmp_path / '1.png'
    Image.fromarray(LABELS + 1).save(path)
    with pytest.raises(UserError, match='has labels 59, expected'):
        read_label_map(path)
    assert read_label_map(path, 60).max() == 59
    Image.new('RGB', (3, 2), 'red').save(path)
    with pytest.raises(UserError, match=r'in colours .* \(mode RGB\)'):
        read_label_map(path)
    Image.new('1', (3, 2), 1).save(path)
    with pytest.raises(UserError, match=r'single bits \(mode 1\)'):
        read_label_map(path)
    Image.fromarray(LABELS.astype(np.uint16)).save(path)
    with pytest.raises(UserError, match='values of 16 or 32 bits'):
        read_label_map(path)
    path.write_bytes(b'PNG')
    with pytest.raises(UserError, match='cannot be read as an image'):
        read_label_map(path)


def test_image_tags(tmp_path):
    path = tmp_path / '1005.mat'
    savemat(path, {'tags': np.array([[0, 47, 5, 5]], np.uint8)})
    assert read_image_tags(path) == (0, 5, 47)
    savemat(path, {'tags': np.array([[3, 60]])})
    with pytest.raises(UserError, match='has tags 60, expected'):
        read_image_tags(path)
    savemat(path, {'groundtruth': LABELS})
    with pytest.raises(UserError, match='has no variable tags'):
        read_image_tags(path)


def test_the_originals_agree_with_the_small_copies(real):
    """Reduced labels are the originals at a third of the pixels."""
    originals = real / 'original_samples'
    assert read_tag_list(originals / 'label_list.mat') == TAGS
    assert json.loads((real / 'label_names.json').read_text()) == [*TAGS]
    for path in sorted((originals / 'annotations/pixel-level').iterdir()):
        large = read_label_map(path)
        small = read_label_map(real / 'labels' / f'{path.stem}.png')
        h, w = small.shape
        assert abs(large.shape[0] / large.shape[1] - h / w) < 0.01
        rows = (np.arange(h) + 0.5) * large.shape[0] / h
        columns = (np.arange(w) + 0.5) * large.shape[1] / w
        nearest = large[np.ix_(rows.astype(int), columns.astype(int))]
        assert (nearest == small).mean() > 0.98
    tags = read_image_tags(originals / 'annotations/image-level/1005.mat')
    names = [TAGS[tag] for tag in tags]
    assert names[:3] == ['null', 'blouse', 'bracelet']
    assert 'skirt' in names
