# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What match head and embedding head share: layers, arguments, RoIs."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import EmbeddingHead, MatchHead
from mmfashion_ext.match_rcnn.pair_stream_head import MatchTrunk

SMALL = dict(in_channels=4, conv_channels=(6, 8), out_channels=5)


def test_both_heads_have_the_same_layers():
    """So what differs between them is pooling and losses alone."""
    states = [
        {k: v.shape for k, v in head(**SMALL).state_dict().items()}
        for head in (MatchHead, EmbeddingHead)
    ]
    match, embedding = states
    assert set(match) - set(embedding) == {
        *('fc_pair.weight', 'fc_pair.bias', 'norm.bias')
    }
    assert set(embedding) - set(match) == {'gem.p'}
    for name in set(match) & set(embedding):
        assert match[name] == embedding[name]


@pytest.mark.parametrize('head', [MatchHead, EmbeddingHead])
def test_messages_name_the_head(head):
    with pytest.raises(UserError, match=f'feature of {head.__name__}'):
        head('shape')
    with pytest.raises(UserError, match=f'merge of {head.__name__}'):
        head(merge='never')


def test_a_trunk_keeps_the_size_and_pools_by_the_mean():
    trunk = MatchTrunk(4, (6, 8))
    feats = torch.randn(3, 4, 7, 7)
    maps = trunk.maps(feats)
    assert maps.shape == (3, 8, 7, 7)
    torch.testing.assert_close(trunk(feats), maps.mean((2, 3)))
