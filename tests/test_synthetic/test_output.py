# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.output import new_folder

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
