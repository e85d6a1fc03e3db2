# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The weights in the repository: whole, listed, small, of their models."""

import pytest

from mmfashion_ext import hub
from mmfashion_ext.hub.encoders import ENCODERS, published_encoders
from mmfashion_ext.utils.files import file_sha256
from mmfashion_ext.utils.tensor_file import SUFFIX

FOLDER = hub.root() / 'weights'
PUBLISHED = [
    entry
    for entry in hub.metafile_entries()
    if str(entry.get('Weights', '')).startswith('weights/')
]
each_published = pytest.mark.parametrize(
    'entry', PUBLISHED, ids=lambda entry: entry['Name']
)


def test_files_are_listed_and_have_40_mb_at_most():
    found = {f'weights/{path.name}' for path in FOLDER.iterdir()}
    found -= {'weights/README.md', ENCODERS}
    listed = [*PUBLISHED, *published_encoders()]
    assert found == {entry['Weights'] for entry in listed}
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert sum(sizes) <= 40e6


@each_published
def test_a_file_has_the_hash_of_its_name_and_of_its_metafile(entry):
    file, meta = hub.root() / entry['Weights'], entry['Metadata']
    sha256 = file_sha256(file)
    assert sha256 == meta['SHA-256']
    assert file.name == f'{entry["Name"]}-{sha256[:8]}{SUFFIX}'
    size = file.stat().st_size / 1e6
    assert meta['File Size (MB)'] == pytest.approx(size, abs=0.006)


@each_published
def test_a_file_is_of_its_models_config(entry):
    model = hub.get_model(entry['Name'], pretrained=True)  # strictly
    parameters = sum(value.numel() for value in model.parameters())
    expected = pytest.approx(parameters / 1e6, abs=0.006)
    assert entry['Metadata']['Parameters (M)'] == expected


@pytest.mark.parametrize(
    'entry', published_encoders(), ids=lambda entry: entry['Name']
)
def test_an_encoder_has_its_weights(entry):
    # else `gallery build` of a new installation ends in an error
    from mmfashion_ext.retrieval.image_encoder import ImageEncoder

    file, meta = hub.root() / entry['Weights'], entry['Metadata']
    assert file_sha256(file) == meta['SHA-256']
    assert file.stem.endswith(meta['SHA-256'][:8])
    encoder = ImageEncoder(entry['Name'], file, 'cpu')  # strictly
    assert encoder.dim == meta['Dimensions']
    network = encoder.network.model
    parameters = sum(value.numel() for value in network.parameters())
    expected = pytest.approx(parameters / 1e6, abs=0.006)
    assert meta['Parameters (M)'] == expected
