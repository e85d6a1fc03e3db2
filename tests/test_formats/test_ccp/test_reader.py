# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.convert import convert_split
from mmfashion_ext.formats.ccp.reader import read_ccp


@pytest.mark.parametrize('groups', ['nine', 'six'])
def test_the_same_as_what_is_converted(dataset, tmp_path, groups):
    out = tmp_path / 'ccp.json'
    convert_split(dataset.root, out, split='train', groups=groups)
    content = json.loads(out.read_text())
    truth = read_ccp(dataset.root, 'train', groups)
    assert [*truth.images.values()] == content['images']
    assert truth.annotations == content['annotations']
    assert truth.categories == content['categories']
    assert [len(items) for _, items in truth.by_image()] == [2, 1]


def test_a_defect_is_an_error(dataset):
    (dataset.root / 'photos/0002.jpg').unlink()
    (dataset.root / 'photos/0001.jpg').write_bytes(b'')
    message = r'ccp/photos/0001\.jpg: .* first of 2 defects; .*--check lists'
    with pytest.raises(UserError, match=message):
        read_ccp(dataset.root)
