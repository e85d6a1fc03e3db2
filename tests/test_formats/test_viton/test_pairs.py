# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.pairs import TryOnFiles, read_pairs, stem_of


def read(root, layout='viton', split='train'):
    return TryOnFiles(root, layout, split)


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('layout', ['viton', 'viton-hd', 'folder'])
def test_all_files_of_all_layouts(write_viton, layout, split):
    root = write_viton(layout, split)
    files = read(root, layout, split)
    for pairs in (files.pairs_by_name(), files.pairs_by_rank()):
        assert len(pairs) == 4
        for number, pair in enumerate(pairs):
            for kind in files.layout.folders:
                path = files.find(kind, pair)
                assert path.is_file()
                assert f'{number:05d}_' in path.name
    # the folder of the folders will do as the root
    inside = read(files.base, layout, split)
    names = [pair[:2] for pair in pairs]
    assert [pair[:2] for pair in inside.pairs_by_name()] == names


def test_unknown_layouts_and_empty_roots(tmp_path):
    with pytest.raises(ValueError, match=r"layout must be one of .*'vton'"):
        read(tmp_path, 'vton').pairs_by_name()
    refused(
        read(tmp_path).pairs_by_name,
        r'VITON_traindata/train_img does not exist: expected the folders '
        'train_img, train_color, train_edge',
    )
    (tmp_path / 'train_img').mkdir()
    refused(read(tmp_path).pairs_by_name, 'train_img has no image')
    refused(read(tmp_path).pairs_by_rank, 'train_img 0, train_color 0')


def test_names_count_and_their_endings_do_not(write_viton):
    root = write_viton()
    files = read(root)
    (files.folder('cloth') / '000002_1.jpg').rename(
        files.folder('cloth') / '000002_1.PNG'
    )
    for name in ('.DS_Store', 'Thumbs.db', '._000001_0.jpg', 'notes.txt'):
        (files.folder('person') / name).touch()
    (files.folder('cloth') / '000009_1.jpg').touch()
    pairs = read(root).pairs_by_name()
    assert pairs[2] == ('000002_0.jpg', '000002_1.PNG', {})
    assert len(pairs) == 4


def test_a_person_without_garment_is_named(write_viton):
    root = write_viton()
    for number in (1, 3):
        (read(root).folder('cloth') / f'00000{number}_1.jpg').unlink()
    refused(
        read(root).pairs_by_name,
        'train_color lacks the clothes of 2 of 4 persons, 000001_0.jpg, '
        '000003_0.jpg: expected such as 000001_1.jpg',
    )


def test_two_files_of_one_name_are_refused(write_viton):
    root = write_viton()
    (read(root).folder('cloth') / '000001_1.png').touch()
    refused(
        read(root).pairs_by_name, r'has 000001_1\.jpg and 000001_1\.png: exp'
    )


@pytest.mark.parametrize('name', ['Thumbs.db', '.DS_Store', 'a.txt'])
@pytest.mark.parametrize('kind', ['person', 'cloth', 'cloth_mask', 'parse'])
def test_a_stray_file_breaks_pairs_by_rank(write_viton, kind, name):
    root = write_viton()
    folder = read(root).folder(kind)
    (folder / name).touch()
    refused(
        read(root).pairs_by_rank,
        rf'{folder.name} 5.* without counterpart: {folder.name}/{name};',
    )


def test_a_file_too_few_breaks_pairs_by_rank(write_viton):
    root = write_viton()
    (read(root).folder('parse') / '000002_0.png').unlink()
    refused(
        read(root).pairs_by_rank,
        'train_img 4, train_color 4, train_edge 4, train_label 3; without '
        'counterpart: train_img/000002_0.jpg, train_color/000002_1.jpg, '
        'train_edge/000002_1.jpg; remove',
    )


def test_rank_does_not_look_at_names(write_viton):
    root = write_viton()
    files = read(root)
    for kind in ('cloth', 'cloth_mask'):
        for path in sorted(files.folder(kind).iterdir()):
            path.rename(path.with_name(f'dress{path.name}'))
    pairs = read(root).pairs_by_rank()
    assert [pair.cloth[5:9] for pair in pairs] == ['0000'] * 4
    files = read(root)
    for number, pair in enumerate(pairs):
        stem = f'00000{number}'
        assert files.find('cloth_mask', pair).name == f'dress{stem}_1.jpg'
        assert files.find('parse', pair).name == f'{stem}_0.png'
        pose = f'{stem}_0_keypoints.json'
        assert files.find('pose', pair).name == pose


def test_files_that_are_missing(write_viton):
    root = write_viton(without=('parse', 'flow'))
    files = read(root)
    pair = files.pairs_by_name()[1]
    assert files.find('parse', pair) is None
    (files.folder('pose') / '000001_0_keypoints.json').unlink()
    assert read(root).find('pose', pair) is None
    assert files.listing('parse') == []


def test_pairs_files(write_viton):
    root = write_viton(split='test')
    files = read(root, split='test')
    assert files.pairs_file() is None
    refused(lambda: files.pairs_file('demo.txt'), 'demo.txt: no such file')
    (root / 'demo.txt').write_text('')
    (files.base / 'test_pairs.txt').write_text('')
    assert files.pairs_file() == files.base / 'test_pairs.txt'
    assert files.pairs_file('demo.txt') == root / 'demo.txt'
    (root / 'test_pairs.txt').write_text('')
    assert files.pairs_file() == root / 'test_pairs.txt'


def test_pairs_of_a_file(write_viton):
    root = write_viton(split='test')
    path = root / 'test_pairs.txt'
    path.write_text(
        '000000_0.jpg 000003_1.jpg\n\n000001_0.jpg\t000000_1.jpg \r\n'
        '000000_0.jpg 000001_1.jpg'
    )
    files = read(root, split='test')
    pairs = files.read_pairs(path)
    assert [pair[:2] for pair in pairs] == [
        ('000000_0.jpg', '000003_1.jpg'),
        ('000001_0.jpg', '000000_1.jpg'),
        ('000000_0.jpg', '000001_1.jpg'),
    ]
    mask = files.find('cloth_mask', pairs[0])
    assert mask == files.base / 'test_edge/000003_1.jpg'
    path.write_text('000000_0.jpg 7_1.jpg\n000009_0.jpg 8_1.jpg\n')
    refused(
        lambda: files.read_pairs(path), r'names 1 .*test_img lacks: 000009_0'
    )
    path.write_text('000000_0.jpg 7_1.jpg\n000001_0.jpg 8_1.jpg\n')
    refused(
        lambda: files.read_pairs(path), r'names 2 .*lacks: 7_1\.jpg, 8_1\.jpg'
    )


def test_bad_pairs_files(tmp_path):
    path = tmp_path / 'x.txt'
    refused(lambda: read_pairs(path), 'no such file of pairs')
    for text, match in (
        ('a b\nc\n', "line 2: expected person.jpg cloth.jpg, got 'c'"),
        ('a b c', "line 1: .*'a b c'"),
        (' \n', 'holds no pair'),
    ):
        path.write_text(text)
        refused(lambda: read_pairs(path), match)
    path.write_bytes(b'\xff\xfe a\n')
    refused(lambda: read_pairs(path), 'cannot be read')
    refused(lambda: read_pairs(tmp_path), 'cannot be read')


name = st.from_regex(r'[A-Za-z0-9_\-]{1,8}\.(jpg|png)', fullmatch=True)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(name, name), min_size=1), st.randoms())
def test_pairs_survive_blanks_and_empty_lines(
    tmp_path_factory, pairs, rng: random.Random
):
    path = tmp_path_factory.getbasetemp() / 'pairs.txt'
    path.write_text(
        '\n'.join(
            rng.choice(['', ' ', '\n'])
            + rng.choice([' ', '\t', '   ']).join(pair)
            for pair in pairs
        )
    )
    assert [pair[:2] for pair in read_pairs(path)] == pairs


def test_stems():
    assert stem_of('person', '1_0.jpg') == '1_0'
    assert stem_of('person', '1_0.JPEG') == '1_0'
    assert stem_of('pose', '1_0_keypoints.json') == '1_0'
    assert stem_of('densepose', '1_0.npy') == '1_0'
    for kind, name in (
        ('pose', '1_0.json'),
        ('person', '.1_0.jpg'),
        ('person', '1_0'),
        ('densepose', '1_0.jpg'),
    ):
        assert stem_of(kind, name) is None


@pytest.mark.fault(28)
class TestTextOfPairsFiles:
    @pytest.mark.parametrize(
        'encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le']
    )
    def test_a_byte_order_mark_is_not_part_of_a_name(self, tmp_path, encoding):
        text = 'a.jpg b.jpg\r\nc.jpg d.jpg\r\n'
        if encoding == 'utf-16-le':
            text = '\ufeff' + text
        path = tmp_path / 'pairs.txt'
        path.write_bytes(text.encode(encoding))
        assert [pair[:2] for pair in read_pairs(path)] == [
            ('a.jpg', 'b.jpg'),
            ('c.jpg', 'd.jpg'),
        ]

    @pytest.mark.parametrize(
        ('line', 'names'),
        [
            ('a b.jpg\tc d.jpg', ('a b.jpg', 'c d.jpg')),
            (' a b.jpg \t c.jpg ', ('a b.jpg', 'c.jpg')),
            ('"a b.jpg" "c d.jpg"', ('a b.jpg', 'c d.jpg')),
            ('a.jpg "c d.jpg"', ('a.jpg', 'c d.jpg')),
            ('"a b.jpg"\tc d.jpg', ('a b.jpg', 'c d.jpg')),
            ('"a ""b"".jpg" c.jpg', ('a "b".jpg', 'c.jpg')),
            ("it's.jpg c.jpg", ("it's.jpg", 'c.jpg')),
            ('"a.jpg" c.jpg', ('a.jpg', 'c.jpg')),
            ('\ta.jpg\t\tc.jpg\t', ('a.jpg', 'c.jpg')),
        ],
    )
    def test_names_with_blanks(self, tmp_path, line, names):
        path = tmp_path / 'pairs.txt'
        path.write_text(line + '\n', encoding='utf-8')
        assert [pair[:2] for pair in read_pairs(path)] == [names]

    def test_a_line_of_too_many_names_says_how_to_write_it(self, tmp_path):
        path = tmp_path / 'pairs.txt'
        path.write_text('a b.jpg c d.jpg')
        refused(lambda: read_pairs(path), 'line 1: .*in double quotes, or a t')
        path.write_text('"a b.jpg c.jpg')
        refused(lambda: read_pairs(path), 'line 1: .*in double quotes, or a t')

    def test_what_is_not_text_is_refused(self, tmp_path):
        path = tmp_path / 'pairs.txt'
        for content in ('é.jpg c.jpg'.encode('latin-1'), b'\xff\xfea'):
            path.write_bytes(content)
            refused(lambda: read_pairs(path), r'x?pairs.txt cannot be read as')
        path.unlink()
        os.mkfifo(path)
        refused(lambda: read_pairs(path), 'is a device, pipe or socket')
