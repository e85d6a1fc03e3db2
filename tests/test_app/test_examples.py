# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Examples: whole files that the pages can read, and no others."""

from mmfashion_ext.app.examples import TOPS, garment_photos, make_examples
from mmfashion_ext.app.uploads import Upload, read_frames, read_photo


def test_examples(tmp_path):
    examples = make_examples(tmp_path)
    for file in (*examples.garments, *examples.persons):
        assert min(read_photo(Upload(file, file.name)).image.shape[:2]) > 100
    clips = [examples.walker, *examples.walkers]
    assert len({*clips}) == 5
    for file in clips:
        assert 16 <= len(read_frames([Upload(file, file.name)])) <= 24
    used = {*examples.garments, *examples.persons, *clips}
    assert {*tmp_path.iterdir()} == used


def test_tops_are_among_the_photographs():
    assert {*TOPS} <= {file.stem for file in garment_photos()}
