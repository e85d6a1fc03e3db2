# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.formats.viton.file_check import (
    FileGroup,
    FileNote,
    check_files,
    list_doubts,
)
from mmfashion_ext.formats.viton.plausibility import Doubt

pytestmark = pytest.mark.fault(12)


@pytest.fixture
def group(tmp_path):
    """A person with a parse map of LIP, upright and whole."""
    labels = np.zeros((40, 20), np.uint8)
    labels[2:6, 8:12] = 13  # face
    labels[6:18, 5:15] = 5  # upper clothes
    labels[18:34, 6:14] = 9  # pants
    labels[34:38, 6:14] = 18  # shoe
    Image.fromarray(labels).save(tmp_path / 'parse.png')
    Image.new('RGB', (20, 40), 'gray').save(tmp_path / 'person.png')
    parts = np.where(labels > 0, 1, 0)
    np.save(tmp_path / 'parts.npy', parts)
    files = {
        'person': tmp_path / 'person.png',
        'parse': tmp_path / 'parse.png',
        'densepose': tmp_path / 'parts.npy',
    }
    return FileGroup(files, 'lip')


def test_a_person_is_checked_in_the_labels_that_are_named(group):
    assert check_files(group) == ((40, 20), [], [])
    checked = check_files(group._replace(labels='viton'))
    assert len(checked.defects) == 1
    assert 'labels 18, expected' in checked.defects[0]
    assert checked.notes == []


def test_densepose_is_compared_with_the_parse_map(group):
    parts = np.zeros((40, 20), int)
    parts[:, 17:] = 1  # beside the person
    np.save(group.files['densepose'], parts)
    _, defects, (note,) = check_files(group)
    assert defects == []
    assert note.kind == 'densepose'
    assert 'parts.npy lies beside the person of the parse map' in str(note)


def test_many_notes_of_a_problem_are_counted():
    doubt = Doubt('is inverted', 'invert it')
    notes = [FileNote('cloth_mask', Path(f'{n}.png'), doubt) for n in range(9)]
    assert list_doubts(notes)[-1] == '8.png is inverted (invert it)'
    lines = list_doubts(notes * 2)
    assert len(lines) == 11
    assert lines[-1] == '8 more of cloth_mask: is inverted'
