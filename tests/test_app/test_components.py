# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parts of the pages: what Gradio passes, and errors as text."""

from pathlib import Path

import numpy as np
import pytest

from mmfashion_ext.app.components import (
    checked_number,
    file_uploads,
    gallery_uploads,
    guarded,
    to_rgb,
    to_upload,
)
from mmfashion_ext.errors import UserError


def fail(error):
    raise error


def test_an_error_of_a_user_is_the_status():
    call = guarded(fail, 1, [None, '', 'x'])
    image, status, rest = call(UserError('a.jpg: <b> is\nwrong'))
    assert (image, rest) == (None, 'x')
    assert 'role="alert"' in status
    assert 'a.jpg: &lt;b&gt; is wrong' in status


def test_any_other_error_is_told_too_and_logged(capsys):
    """A page that shows nothing leaves the visitor waiting."""
    (status,) = guarded(fail, 0, [''])(RuntimeError('out of memory'))
    assert 'RuntimeError: out of memory' in status
    assert 'Traceback' in capsys.readouterr().err


def test_results_pass():
    assert guarded(lambda x: (x, 2), 0, ['', None])(1) == (1, 2)


def test_files_have_the_names_of_the_visitor():
    value = {'path': '/tmp/x/abc.jpg', 'orig_name': '../../my coat.jpg'}
    assert to_upload(value) == (Path('/tmp/x/abc.jpg'), 'my coat.jpg')
    assert to_upload({'path': '/tmp/x/abc.jpg'}).name == 'abc.jpg'
    assert to_upload(None) is None
    assert [x.name for x in file_uploads([value, None])] == ['my coat.jpg']
    assert [x.name for x in file_uploads(value)] == ['my coat.jpg']
    assert file_uploads(None) == gallery_uploads(None) == []
    entries = [{'image': value, 'caption': None}, {'video': value}]
    assert [x.name for x in gallery_uploads(entries)] == ['my coat.jpg']


@pytest.mark.parametrize('value', [2, -1, 'x', None, float('nan'), [0.5]])
def test_numbers_of_a_browser_are_checked(value):
    """A request may hold anything, not only what a slider can be set to."""
    with pytest.raises(UserError, match='expected a number from 0 to 1'):
        checked_number(value, 0, 1)


def test_a_number_within_its_limits():
    assert checked_number('0.5', 0, 1) == 0.5


def test_colours():
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert to_rgb(image).tolist() == [[[2, 1, 0], [5, 4, 3]]]
