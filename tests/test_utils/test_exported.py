# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.exported import plain, read_model, write_model


def test_reads_what_was_written(tmp_path):
    write_model(tmp_path, 'scan', {'size': [1, 2]})
    content = read_model(tmp_path, 'scan')
    assert content == read_model(tmp_path)
    assert content['size'] == [1, 2]
    assert content['system'] == 'scan'


def test_refuses_other_folders(tmp_path):
    with pytest.raises(UserError, match=r'no model\.json there'):
        read_model(tmp_path)
    write_model(tmp_path, 'scan', {})
    with pytest.raises(UserError, match='a model of scan, expected one of x'):
        read_model(tmp_path, 'x')
    (tmp_path / 'model.json').write_text(json.dumps({'format': 99}))
    with pytest.raises(UserError, match='expected an exported model of for'):
        read_model(tmp_path)
    (tmp_path / 'model.json').write_text('[]')
    with pytest.raises(UserError, match='expected an exported model of for'):
        read_model(tmp_path)


def test_plain_values_are_exact():
    values = np.float32([0.1, 1 / 3])
    found = plain([(values, 1), 'a'])
    assert found == [[values.tolist(), 1], 'a']
    assert np.array_equal(
        np.float32(json.loads(json.dumps(found))[0][0]), values
    )
