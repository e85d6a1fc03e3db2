# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What of an index is believed: models of the zoo, files of this machine."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import config_path
from mmfashion_ext.match_rcnn.gallery_query import (
    index_encoder,
    index_model,
    query_gallery,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity

MODEL = (
    'match-rcnn-retrieval-class-frozen_r18-small_fpn_1xb16-2e_'
    'synthetic-160x160'
)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / 'w.pth'
    path.touch()
    return str(path)


def make(**origin):
    similarity = PairSimilarity(torch.ones(3), 0.0)
    return GalleryIndex(similarity, 'a:1', origin)


@pytest.mark.fault(2)
def test_a_model_of_the_zoo_is_used(weights):
    """By its name, or in an older index by the path of its config."""
    for config in (MODEL, config_path(MODEL)):
        index = make(config=config, checkpoint=weights)
        assert index_model(index, 'x') == (MODEL, weights)


@pytest.mark.fault(2)
@pytest.mark.parametrize('where', ['outside', 'same stem', 'number', 'none'])
def test_another_config_is_not_run(where, weights, tmp_path):
    stem = MODEL if where == 'same stem' else 'evil'
    path = tmp_path / f'{stem}.py'
    path.write_text(f'open({str(tmp_path / "ran")!r}, "w")')
    origin = {'config': str(path)}
    if where == 'number':
        origin = {'config': 3}
    elif where == 'none':
        origin = {}
    index = make(**origin, checkpoint=weights)
    with pytest.raises(UserError, match=r'not one of .*list_models.*--model'):
        index_model(index, 'shop.index')
    assert not (tmp_path / 'ran').exists()
    # unless the user names it
    assert index_model(index, 'x', str(path)) == (str(path), weights)


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    'checkpoint',
    ['http://example.invalid/w.pth', '/dev/zero', 'gone.pth', 5, None, '\0'],
)
def test_only_a_file_of_this_machine_is_loaded(checkpoint, weights):
    index = make(config=MODEL, checkpoint=checkpoint)
    with pytest.raises(UserError, match=r'is not a file here.*--weights'):
        index_model(index, 'shop.index')
    assert index_model(index, 'x', None, 'https://x/w.pth') == (
        MODEL,
        'https://x/w.pth',
    )


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    'item',
    [{}, {'image': 3}, {'image': 'a', 'bbox': [1, 2], 'category': 'vest'}],
)
def test_forged_items_are_refused(item):
    class Encoder:
        score_thr = 0.3

        def encode(self, image):
            from mmfashion_ext.match_rcnn.garment_encoder import EncodedImage

            garment = {'bbox': [0, 0, 5, 5], 'score': 0.9, 'category': 'vest'}
            yield EncodedImage('a', torch.ones(1, 3), [garment])

    index = make()
    index.add(torch.ones(1, 3), [item])
    image = torch.zeros(8, 8, 3, dtype=torch.uint8).numpy()
    with pytest.raises(UserError, match='item 0 of the index'):
        query_gallery(image, index, Encoder())


def test_the_encoder_of_an_index_and_its_weights(weights):
    """Its features are searched by the encoder that made them."""
    assert index_encoder(make(), 'x') is None
    index = make(encoder='timm:a', encoder_checkpoint=weights)
    assert index_encoder(index, 'x') == ('timm:a', weights)
    assert index_encoder(index, 'x', 'timm:b', 'w') == ('timm:b', 'w')
    gone = make(encoder='timm:a', encoder_checkpoint='https://x.test/w.pth')
    with pytest.raises(UserError, match=r'not a file here.*--encoder-weights'):
        index_encoder(gone, 'shop.index')
    with pytest.raises(UserError, match=r'shop.index.*name it with --encoder'):
        index_encoder(make(encoder=3), 'shop.index')
