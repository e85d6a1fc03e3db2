# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Which model an index is of, and which of them is run."""

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub.model_origin import model_origin, origin_model

NAME = 'scan_r10-small_1xb32-8e_synthetic-64x32'


def test_a_model_of_the_zoo_is_found_again(tmp_path):
    origin = model_origin(NAME)
    assert origin.fingerprint.startswith(f'{NAME}:')
    assert origin.origin['config'] == NAME
    found = origin_model(origin.origin, 'a.index')
    assert found == (NAME, str(origin.checkpoint.absolute()))
    copy = tmp_path / 'copy.safetensors'
    copy.write_bytes(origin.checkpoint.read_bytes())
    assert model_origin(NAME, copy).fingerprint == origin.fingerprint
    copy.write_bytes(b'other')
    assert model_origin(NAME, copy).fingerprint != origin.fingerprint


def test_an_index_names_no_code_and_no_url(tmp_path):
    (tmp_path / 'evil.py').write_text('raise SystemExit')
    evil = {'config': str(tmp_path / 'evil.py'), 'checkpoint': 'x'}
    with pytest.raises(UserError, match='not run; if you trust it'):
        origin_model(evil, 'a.index')
    remote = {'config': NAME, 'checkpoint': 'https://example.org/x.pth'}
    with pytest.raises(UserError, match='is not a file here'):
        origin_model(remote, 'a.index')
    assert origin_model(remote, 'a.index', 'x', 'y') == ('x', 'y')
    with pytest.raises(UserError, match='was built with the config'):
        origin_model({}, 'a.index')
