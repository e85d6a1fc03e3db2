# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.splits import default_stems, read_split


def test_the_splits_of_the_original():
    """Each photograph with pixel labels is in one split; sizes are fixed."""
    parts = {
        split: default_stems(split)
        for split in ('train', 'validation', 'test')
    }
    assert [len(stems) for stems in parts.values()] == [700, 104, 200]
    together = sorted(sum(parts.values(), ()))
    assert together == list(default_stems('all'))
    assert together == [f'{number:04d}' for number in range(1, 1005)]
    for stems in parts.values():
        assert list(stems) == sorted(stems)


def test_the_same_as_the_lists_of_the_real_photographs(real):
    for split in ('train', 'validation'):
        stems, defects = read_split(real, split)
        assert tuple(stems) == default_stems(split)
        assert defects == []


def test_a_list_names_the_stems(tmp_path):
    assert read_split(tmp_path, 'train') == (None, [])
    (tmp_path / 'train.txt').write_text('\ufeff0007\r\n\n 0002 \n')
    assert read_split(tmp_path, 'train') == (['0007', '0002'], [])


def test_a_stem_twice_is_used_once_and_noted(tmp_path):
    (tmp_path / 'train.txt').write_text('0002\n0001\n0002\n')
    stems, (defect,) = read_split(tmp_path, 'train')
    assert stems == ['0002', '0001']
    assert str(defect) == (
        "train.txt line 3: note: '0002' stands in line 1 already; remove one "
        'of them'
    )


def test_a_stem_in_two_splits_is_a_defect(tmp_path):
    (tmp_path / 'train.txt').write_text('0001\n0002\n')
    (tmp_path / 'test.txt').write_text('0003\n\n0002\n')
    for split, line, other in (('train', 2, 3), ('test', 3, 2)):
        _, (defect,) = read_split(tmp_path, split)
        assert defect.fatal
        assert defect.item == f'line {line}'
        assert f'(line {other}) too' in defect.what


@pytest.mark.parametrize('content', [b'', b'\n \n'])
def test_an_empty_list_is_an_error(tmp_path, content):
    (tmp_path / 'test.txt').write_bytes(content)
    with pytest.raises(UserError, match=r'test\.txt names no photograph'):
        read_split(tmp_path, 'test')


def test_a_folder_in_place_of_a_list(tmp_path):
    (tmp_path / 'train.txt').mkdir()
    with pytest.raises(UserError, match='is a folder, expected a file'):
        read_split(tmp_path, 'train')
