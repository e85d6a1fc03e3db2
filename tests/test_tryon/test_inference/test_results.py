# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.inference.inputs import resolve_pairs
from mmfashion_ext.tryon.inference.results import find_saved, try_on_file
from mmfashion_ext.tryon.inference.session import TryOnOutput, to_images
from mmfashion_ext.utils.image_inputs import NamedInput
from mmfashion_ext.utils.images import write_image
from mmfashion_ext.utils.result_writer import ResultWriter


def test_images_are_bgr_of_8_bits():
    def plain(*rgb):
        return torch.tensor(rgb)[:, None, None].expand(3, 4, 5)

    (pair,) = resolve_pairs('a', 'x').pairs
    images = to_images(
        TryOnOutput(
            pair,
            person=plain(-1.0, -1.0, -1.0),
            cloth=plain(1.0, 1.0, 1.0),
            try_on=plain(1.0, -1.0, 0.0),
            warped_cloth=plain(-1.0, 1.0, 1.0),
            warped_mask=torch.full((1, 4, 5), 0.5),
        )
    )
    assert images.try_on.shape == (4, 5, 3)
    assert (images.try_on == [127, 0, 255]).all()
    assert (images.warped_cloth == [255, 255, 0]).all()
    assert images.warped_mask.shape == (4, 5)
    assert (images.warped_mask == 128).all()
    assert images.strip.shape == (4, 15, 3)
    assert images.strip[0, ::5].tolist() == [
        *([0] * 3, [255] * 3, [127, 0, 255])
    ]
    assert [*images.arrays()] == ['try_on', 'warped_cloth', 'warped_mask']


def test_a_kept_photograph_keeps_its_grey_levels():
    """Truncation would turn 1 ... 63 into one less."""
    (pair,) = resolve_pairs('a', 'x').pairs
    levels = torch.arange(256).view(1, 16, 16).expand(3, 16, 16)
    image = (levels / 255).sub(0.5).div(0.5)
    output = TryOnOutput(
        *(pair, image, image[:, :8], image, image, levels[:1] / 255)
    )
    assert (to_images(output).try_on != levels.permute(1, 2, 0).numpy()).any()
    images = to_images(output._replace(keeps_photograph=True))
    assert (images.try_on == levels.permute(1, 2, 0).numpy()).all()
    assert images.strip.shape == (16, 48, 3)


def test_saved_results(tmp_path):
    details = {'person': 'a.jpg', 'cloth': 'x.jpg'}
    item = NamedInput('a.jpg + x.jpg', 'a__x', None, details=details)
    image = np.full((4, 5, 3), 7, np.uint8)
    writer = ResultWriter(tmp_path)

    def find(item=item, **kwargs):
        return find_saved(tmp_path, item, **{'try_on': True, **kwargs})

    assert find(strip=False) is None
    file = try_on_file(item.name)
    assert file == 'predictions/a__x.png'
    write_image(tmp_path / file, image)
    assert find(strip=False) is None  # its record is written last
    writer.write(item, details, np.hstack([image] * 3), [file])
    found = find(strip=False)
    np.testing.assert_array_equal(found.try_on, image)
    assert found.strip is None
    assert [*found.arrays()] == ['try_on']
    assert found.notes == []
    record = tmp_path / 'predictions/a__x.json'
    for notes, kept in ((['n'], ['n']), (5, []), ({'a': 1}, []), (None, [])):
        record.write_text(json.dumps({**details, 'notes': notes}))
        assert find(strip=False).notes == kept
    found = find(strip=True, try_on=False)
    assert found.try_on is None
    assert found.strip.shape == (4, 15, 3)
    other = item._replace(details={**details, 'person': 'other/a.jpg'})
    assert find(other, strip=False) is None
    (tmp_path / file).write_bytes(b'cut off')
    assert find(strip=False) is None
