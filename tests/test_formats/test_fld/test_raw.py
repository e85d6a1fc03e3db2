# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import os

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.fld.constants import CLOTHES_TYPES
from mmfashion_ext.formats.fld.raw import (
    BOXES,
    LANDMARKS,
    PARTITION,
    RawFLD,
    coco_categories,
    parse_box,
    parse_landmarks,
    parse_split,
)

UPPER = '1 1 0 000010 000020 0 30 20 1 8 40 0 32 40 0 12 60 2 000000 000000'
LOWER = '2 4 0 10 20 0 30 20 1 8 40 0 32 40'
FULL = '3 5' + ' 0 10 20' * 7 + ' 2 0 0'


@pytest.fixture
def write(tmp_path):
    """A function that writes lists and images of 40 x 70 px."""

    def write(rows, boxes=None, splits=None, images='Img', count=None):
        names = list(rows)
        boxes = dict.fromkeys(names, '5 10 35 65') if boxes is None else boxes
        splits = dict.fromkeys(names, 'train') if splits is None else splits
        lists = {LANDMARKS: rows, BOXES: boxes, PARTITION: splits}
        for file, content in lists.items():
            lines = [str(count or len(content)), 'image_name columns']
            lines += [f'{name} {row}' for name, row in content.items()]
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text('\n'.join(lines) + '\n')
        for name in names:
            path = tmp_path / images / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((70, 40, 3), np.uint8))
        return tmp_path

    return write


def name(number):
    return f'img/img_{number:08d}.jpg'


def read(root, **selection):
    raw = RawFLD(root)
    return raw, list(raw.read(raw.select(**selection)))


def lines(root):
    """All defects as lines, and whether none is fatal."""
    raw, reads = read(root)
    defects = raw.defects + [d for r in reads for d in r.defects]
    return [str(d) for d in defects], not any(d.fatal for d in defects)


def test_good_rows_become_coco(write):
    root = write(
        {name(7): UPPER, name(2): LOWER, name(3): FULL},
        splits={name(7): 'val', name(2): 'train', name(3): 'test'},
    )
    raw, reads = read(root)
    assert raw.defects == []
    assert all(r.defects == [] for r in reads)
    assert reads[0].image == {
        'id': 7,
        'file_name': name(7),
        'width': 40,
        'height': 70,
    }
    assert reads[0].annotations == [
        {
            'id': 7,
            'image_id': 7,
            'category_id': 1,
            'bbox': [5, 10, 30, 55],
            'area': 1650,
            'iscrowd': 0,
            'keypoints': [
                *(10, 20, 2, 30, 20, 2, 8, 40, 1),
                *(32, 40, 2, 12, 60, 2, 0, 0, 0),
            ],
            'num_keypoints': 5,
            'variation': 1,
        }
    ]
    (lower,), (full,) = reads[1].annotations, reads[2].annotations
    assert (lower['num_keypoints'], lower['variation']) == (4, 4)
    assert (full['num_keypoints'], full['variation']) == (7, 5)
    json.dumps([r.annotations for r in reads])
    assert [e.split for e in raw.entries] == ['val', 'train', 'test']
    assert [e.id for e in raw.select('train')] == [2]
    assert [e.id for e in raw.select(subset='full')] == [3]
    assert [e.id for e in raw.select('val', 'full')] == []


@pytest.mark.parametrize(
    ('images', 'folder', 'file_name'),
    [
        ('Img', 'Img', name(1)),
        ('', '', name(1)),
        ('Img/..flat', 'Img', 'img_00000001.jpg'),
    ],
)
def test_images_are_found_where_they_were_unpacked(
    write, images, folder, file_name
):
    root = write({name(1): UPPER}, images=images)
    if images.endswith('flat'):
        (root / images / name(1)).rename(root / 'Img' / file_name)
    raw, (found,) = read(root)
    assert raw.images == root / folder
    assert found.image['file_name'] == file_name
    assert (raw.images / file_name).is_file()


def test_rows_may_be_padded_and_truncated_landmarks_have_no_place():
    padded = parse_landmarks((UPPER + ' 0 0 0 2 0 0').split())
    plain = parse_landmarks(UPPER.split())
    assert np.array_equal(padded.points, plain.points)
    row = '2 1 2 15 16' + ' 0 1 2' * 3
    assert parse_landmarks(row.split()).points[0].tolist() == [0, 0, 0]


ROWS = {
    '': 'has 0 numbers, expected 2 or more',
    '1': 'has 1 numbers, expected 2 or more',
    '4 1' + ' 0 1 1' * 6: 'has clothes type 4, expected 1, 2 or 3',
    '1 0' + ' 0 1 1' * 6: 'has variation 0, expected an integer from 1 to 5',
    '1 6' + ' 0 1 1' * 6: 'has variation 6, expected an integer from 1',
    '1 1' + ' 0 1 1' * 4: r'12 numbers of landmarks, expected 18 \(3 x 6 of u',
    '2 1'
    + ' 0 1 1' * 6: r'18 numbers .* 12 \(3 x 4 of lower clothes\), or 24',
    '3 1' + ' 0 1 1' * 8 + ' 0': 'has 25 numbers of landmarks, expected 24',
    '1 1' + ' 0 1 1' * 8: 'has more than the 6 landmarks of upper clothes',
    '1 1' + ' 3 1 1' * 6: 'has a landmark with visibility 3, expected 0, 1',
    '1 1' + ' 0 1.5 1' * 6: r"has '1\.5', expected an integer",
    '1 1' + ' 0 x 1' * 6: "has 'x', expected an integer",
    '1 1'
    + ' 0 12345678901 1'
    * 6: 'has 12345678901, expected .* of at most 9 digits',
}


@pytest.mark.parametrize(('row', 'message'), ROWS.items())
def test_a_bad_row_of_landmarks_is_named(write, row, message):
    with pytest.raises(ValueError, match=message):
        parse_landmarks(row.split())
    found, good = lines(write({name(1): UPPER, name(2): row}))
    assert not good
    (line,) = found
    assert line.startswith(f'{LANDMARKS} line 4: image {name(2)} has ')
    assert line.endswith('or leave it out with --skip-invalid')


BOX_FAULTS = {
    '5 10 35': 'has 3 numbers, expected 4',
    '5 10 35 65 70': 'has 5 numbers, expected x1 y1 x2 y2',
    '5 10 a 65': "has 'a', expected an integer",
    '35 10 5 65': 'is inverted, expected x1 < x2 and y1 < y2',
    '5 65 35 10': 'is inverted',
    '5 10 5 65': 'has no area',
    '5 10 35 10': 'has no area',
    '40 10 50 65': 'lies outside the image (40 x 70 px)',
    '5 70 35 80': 'lies outside the image',
    '-9 -9 0 5': 'lies outside the image',
}


@pytest.mark.parametrize(('box', 'message'), BOX_FAULTS.items())
def test_a_bad_box_is_named(write, box, message):
    boxes = {name(2): '5 10 35 65', name(1): box}
    root = write({name(1): UPPER, name(2): LOWER}, boxes)
    found, good = lines(root)
    assert not good
    (line,) = found
    assert line.startswith(f'{BOXES} line 4: ')
    assert name(1) in line
    assert message in line
    _, reads = read(root)
    assert [r.image['id'] for r in reads if r.image] == [2]


def test_boxes_may_touch_and_cross_the_edges(write):
    boxes = {name(1): '1 1 40 70', name(2): '-5 -5 45 80'}
    assert lines(write(dict.fromkeys(boxes, UPPER), boxes)) == ([], True)


@pytest.mark.parametrize('split', ['', 'training', 'train val'])
def test_a_bad_partition_is_named(write, split):
    found, _ = lines(write({name(1): UPPER}, splits={name(1): split}))
    (line,) = found
    assert line.startswith(
        f'{PARTITION} line 3: image {name(1)} has split {split!r}'
    )
    assert "expected 'train', 'val' or 'test'" in line


def test_images_in_one_list_only_are_named(write):
    both = {name(1): UPPER, name(2): LOWER}
    boxes = {name(1): '5 10 35 65', name(3): '5 10 35 65'}
    found, _ = lines(write(both, boxes, {name(2): 'val', name(1): 'val'}))
    assert [line.split(';')[0] for line in found] == [
        f'{BOXES} line 4: image {name(3)} is not in {LANDMARKS}',
        f'{BOXES} line 4: image {name(3)} is not in {PARTITION}',
        f'{LANDMARKS} line 4: image {name(2)} is not in {BOXES}',
        f'{PARTITION} line 3: image {name(2)} is not in {BOXES}',
    ]


def test_repeated_images_and_counts_are_named(write):
    root = write({name(1): UPPER}, count=2)
    with (root / PARTITION).open('a') as file:
        file.write(f'\n{name(1)} test\n')
    found, _ = lines(root)
    assert [line.split(';')[0] for line in found] == [
        f"{BOXES} line 1: is '2', but there are 1 rows",
        f"{LANDMARKS} line 1: is '2', but there are 1 rows",
        f'{PARTITION} line 5: image {name(1)} stands in line 3 already',
    ]
    assert RawFLD(root).entries[0].split == 'train'


@pytest.mark.parametrize(
    'text', ['', '\n', 'img/img_1.jpg 1 1\n', 'x\ny\n', '1' * 6000, '²\ny\n']
)
def test_a_list_without_its_head_is_named(write, text):
    root = write({name(1): UPPER})
    (root / LANDMARKS).write_text(text)
    found, _ = lines(root)
    assert any(f'{LANDMARKS} line 1: is ' in line for line in found)
    assert RawFLD(root).entries == []


def test_images_need_a_number_of_their_own(write):
    names = ('img/cat.jpg', 'img/img_1.jpg', 'img/b_0001.jpg')
    found, _ = lines(write(dict.fromkeys(names, UPPER)))
    assert 'image img/cat.jpg has no number' in found[0]
    assert 'image img/b_0001.jpg has the number of img/img_1.jpg' in found[1]


def test_missing_and_unreadable_images_are_named(write):
    root = write({name(k): UPPER for k in (1, 2, 3)})
    (root / 'Img' / name(2)).unlink()
    (root / 'Img' / name(3)).write_text('text')
    found, _ = lines(root)
    assert f'{LANDMARKS} line 4: image {name(2)} is not in {root}' in found[0]
    assert f'line 5: image {name(3)} cannot be read as an image' in found[1]


def test_odd_landmarks_are_noted_and_kept(write):
    cut = '2 5' + ' 2 0 0' * 4
    outside = LOWER.replace('32 40', '-32 400')
    root = write({name(1): cut, name(2): outside})
    found, good = lines(root)
    assert good
    assert (
        'note: image img/img_00000001.jpg has truncated landmarks' in found[0]
    )
    assert 'note: right hem (-32, 400) of image' in found[1]
    _, reads = read(root)
    assert [r.annotations[0]['num_keypoints'] for r in reads] == [0, 4]


@pytest.mark.parametrize('file', [LANDMARKS, BOXES, PARTITION])
def test_missing_lists_are_named(write, file):
    root = write({name(1): UPPER})
    (root / file).unlink()
    with pytest.raises(FileNotFoundError, match=f'{file} does not exist'):
        RawFLD(root)


def test_an_empty_data_set(write):
    root = write({})
    assert lines(root) == ([], True)
    assert read(root)[1] == []


@pytest.mark.parametrize('clothes', CLOTHES_TYPES, ids=lambda c: c.name)
def test_categories_name_the_landmarks(clothes):
    (category,) = coco_categories(clothes)
    assert (category['id'], category['name']) == (1, 'fashion')
    assert category['keypoints'] == list(clothes.landmarks)


CELLS = st.sampled_from(
    [
        '0',
        '1',
        '2',
        '3',
        '4',
        '5',
        '10',
        '000012',
        '-1',
        'x',
        '1.5',
        '1e3',
        '²',
        '٣',
        '1_0',
    ]
)
COLUMNS = st.lists(CELLS | st.text(min_size=1, max_size=3), max_size=28)


@given(columns=COLUMNS)
def test_parsers_parse_or_say_why_not(columns):
    for parse in (parse_landmarks, parse_box, parse_split):
        message = 'has '
        try:
            parse(columns)
        except ValueError as error:
            message = str(error)
        assert message.startswith('has ')


@given(
    clothes=st.sampled_from(CLOTHES_TYPES),
    points=st.lists(
        st.tuples(st.integers(0, 2), *[st.integers(-99, 9999)] * 2),
        min_size=8,
        max_size=8,
    ),
    variation=st.integers(1, 5),
    pad=st.booleans(),
)
def test_what_is_written_is_read(clothes, points, variation, pad):
    points = points[: clothes.num_landmarks]
    numbers = [n for point in points for n in point]
    if pad:
        numbers += [0] * (24 - len(numbers))
    row = [str(clothes.id), str(variation), *(f'{n:05d}' for n in numbers)]
    found = parse_landmarks(row)
    assert (found.clothes, found.variation) == (clothes, variation)
    for (x, y, v), (state, *place) in zip(
        found.points.tolist(), points, strict=True
    ):
        assert (v, [x, y]) == (2 - state, [0, 0] if state == 2 else place)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(max_size=60), file=st.sampled_from([LANDMARKS, BOXES]))
def test_no_content_of_a_list_raises(write, text, file):
    root = write({name(1): UPPER})
    with (root / file).open('a', encoding='utf-8') as opened:
        opened.write(text)
    found, _ = lines(root)
    assert all('\n' not in line for line in found)


@pytest.mark.fault(29)
@pytest.mark.parametrize('images', ['Img', ''])
def test_images_of_other_endings(write, images):
    root = write({name(1): UPPER, name(2): UPPER}, images=images)
    for path in list(root.rglob('*.jpg')):
        path.rename(path.with_suffix('.JPG'))
    raw, records = read(root)
    assert not raw.defects
    files = [raw.images / record.image['file_name'] for record in records]
    assert [path.suffix for path in files] == ['.JPG', '.JPG']
    assert all(path.is_file() for path in files)


@pytest.mark.fault(4, 29)
def test_pipes_and_pointers_of_git_lfs(write):
    root = write({name(1): UPPER, name(2): UPPER, name(3): UPPER})
    (root / 'Img' / name(1)).write_text(
        'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n'
    )
    (root / 'Img' / name(2)).unlink()
    os.mkfifo(root / 'Img' / name(2))
    _, records = read(root)
    first, second = (str(record.defects[0]) for record in records[:2])
    assert 'is a pointer of git-lfs, not the file itself' in first
    assert 'is a device, pipe or socket, expected a file' in second
    assert records[2].image
    (root / BOXES).unlink()
    os.mkfifo(root / BOXES)
    with pytest.raises(UserError, match='a device, pipe or socket'):
        RawFLD(root)


@pytest.mark.fault(28)
def test_lists_with_a_byte_order_mark(write):
    root = write({name(1): UPPER})
    for file in (LANDMARKS, BOXES, PARTITION):
        text = (root / file).read_text()
        (root / file).write_text(text, encoding='utf-8-sig')
    assert not RawFLD(root).defects
