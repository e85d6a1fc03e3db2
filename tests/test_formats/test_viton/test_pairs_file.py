# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.pairs_file import read_pairs


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


def test_a_third_column_is_the_class_of_the_garment(tmp_path):
    path = tmp_path / 'pairs.txt'
    path.write_text(
        'a.jpg b.jpg\na.jpg c.jpg lower_body\na.jpg d.jpg 2\n'
        'an a.jpg\te.jpg\t0\n'
    )
    assert [(pair.cloth, pair.cloth_class) for pair in read_pairs(path)] == [
        ('b.jpg', None),
        ('c.jpg', 'lower_body'),
        ('d.jpg', 'dresses'),
        ('e.jpg', 'upper_body'),
    ]
    path.write_text('a.jpg b.jpg shoes\n')
    refused(
        lambda: read_pairs(path),
        'line 1: .*a third column must be one of upper_body, lower_body, dre',
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
