# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.tryon_photos import cache


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


def test_pairs_and_garments_survive_the_file(pairs):
    found = cache.read_pairs(pairs)
    garments = cache.read_garments(pairs)
    assert len(found) == 3
    for pair in found:
        again = cache.pair_from_json(
            json.loads(json.dumps(cache.pair_to_json(pair)))
        )
        assert (again.worn.vertices == pair.worn.vertices).all()
        assert (again.person, again.quality) == (pair.person, pair.quality)
        assert pair.worn.garment in garments
    garment = garments[found[0].worn.garment]
    again = cache.garment_from_json(cache.garment_to_json(garment))
    assert np.abs(again.outline - garment.outline).max() <= 1 / 16
    assert np.allclose(again.to_photo, garment.to_photo, atol=1e-5)


def test_a_pair_needs_a_few_kilobytes(pairs):
    size = (pairs / cache.PAIRS).stat().st_size
    assert size / len(cache.read_pairs(pairs)) < 10_000


def test_an_unfinished_line_is_left_out(tmp_path):
    path = tmp_path / 'lines.jsonl'
    cache.append_line(path, {'a': 1})
    with path.open('ab') as file:
        file.write(b'{"a": 2')
    assert list(cache.read_lines(path)) == [{'a': 1}]
    cache.drop_unfinished_line(path)
    assert path.read_text() == '{"a":1}\n'
    cache.append_line(path, {'a': 3})
    assert len(list(cache.read_lines(path))) == 2
    assert list(cache.read_lines(tmp_path / 'none')) == []


def test_damaged_caches_are_named(tmp_path):
    refused(lambda: cache.read_header(tmp_path), 'is not a cache')
    header = tmp_path / cache.HEADER
    header.write_text('{')
    refused(lambda: cache.read_header(tmp_path), 'is not JSON')
    header.write_text('{"version": 0}')
    refused(lambda: cache.read_header(tmp_path), 'expected version 1')
    pairs = tmp_path / cache.PAIRS
    pairs.write_text('[\n')
    refused(lambda: cache.read_pairs(tmp_path), 'line 1 is not JSON')
    pairs.write_text('{"worn": null}\n')
    refused(lambda: cache.read_pairs(tmp_path), 'is not a pair of version')
