# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import contextlib

import cv2
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.output import (
    check_at_least,
    check_sheet,
    new_folder,
    one_thread,
)

CONTENTS = ('train', 'validation')


def fill(out, text='new', **kwargs):
    with new_folder(out, CONTENTS, **kwargs) as folder:
        (folder / 'train').mkdir()
        (folder / 'train' / 'a.txt').write_text(text)


def test_folder_appears_complete(tmp_path):
    out = tmp_path / 'data'
    with new_folder(out, CONTENTS) as folder:
        (folder / 'train').mkdir()
        assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_empty_folder_is_used(tmp_path):
    out = tmp_path / 'data'
    out.mkdir()
    fill(out)
    assert (out / 'train' / 'a.txt').read_text() == 'new'


def test_failure_leaves_nothing(tmp_path):
    out = tmp_path / 'data'
    with pytest.raises(RuntimeError), new_folder(out, CONTENTS):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_failure_keeps_what_was_there(tmp_path):
    out = tmp_path / 'data'
    fill(out, 'old')
    with (
        pytest.raises(RuntimeError),
        new_folder(out, CONTENTS, overwrite=True),
    ):
        raise RuntimeError
    assert (out / 'train' / 'a.txt').read_text() == 'old'
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_taken_folder(tmp_path):
    out = tmp_path / 'data'
    fill(out, 'old')
    with pytest.raises(UserError, match='is not empty; name a new folder'):
        fill(out)
    fill(out, overwrite=True)
    assert (out / 'train' / 'a.txt').read_text() == 'new'


def test_strange_contents_are_never_overwritten(tmp_path):
    out = tmp_path / 'data'
    fill(out)
    (out / 'thesis.tex').write_text('years of work')
    with pytest.raises(UserError, match=r"holds 'thesis\.tex'"):
        fill(out, overwrite=True)
    assert (out / 'thesis.tex').exists()


def test_parents_are_created(tmp_path):
    fill(tmp_path / 'missing' / 'as well' / 'data')
    assert (tmp_path / 'missing' / 'as well' / 'data').is_dir()


def test_file_in_the_way(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='is a file'):
        fill(tmp_path / 'file')
    with pytest.raises(UserError, match='cannot be created'):
        fill(tmp_path / 'file' / 'data')


@pytest.mark.parametrize('name', ['a.jpg', 'a.JPEG', 'a.png'])
def test_names_of_sheets(tmp_path, name):
    check_sheet(tmp_path / name)


def test_wrong_names_of_sheets(tmp_path):
    with pytest.raises(
        UserError, match=r"must end in .jpg or .png, got '.md'"
    ):
        check_sheet(tmp_path / 'a.md')
    with pytest.raises(UserError, match='missing does not exist'):
        check_sheet(tmp_path / 'missing' / 'a.png')


def test_numbers_at_their_limit():
    check_at_least(num=(1, 1), seed=(0, 0))
    with pytest.raises(UserError, match='seed must be at least 0, got -1'):
        check_at_least(num=(1, 1), seed=(-1, 0))


def test_one_thread_even_after_an_error():
    before = cv2.getNumThreads()
    inside = []
    with contextlib.suppress(RuntimeError), one_thread():
        inside.append(cv2.getNumThreads())
        raise RuntimeError
    assert inside == [1]
    assert cv2.getNumThreads() == before
