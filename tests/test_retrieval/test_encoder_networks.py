# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Networks of image encoders: found by name, never with random weights."""

import pytest
import timm
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval.encoder_networks import (
    build_network,
    find_library,
)
from mmfashion_ext.utils.checkpoint import CheckpointError

NAME = 'test_efficientnet'
OTHER = 'mobilenet-v2_8xb32_in1k'  # of mmpretrain


def save(state, folder):
    path = folder / 'w.pth'
    torch.save(state, path)
    return path


def test_names_of_both_libraries_are_found():
    assert find_library(f'timm:{NAME}') == ('timm', NAME)
    assert find_library(NAME) == ('timm', NAME)
    assert find_library(OTHER) == ('mmpretrain', OTHER)


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('timm:test_eficientnet', f'similar: .*{NAME}'),
        ('hf-hub:a/b', 'other hubs are not fetched'),
        ('timm:hf-hub:a/b', 'other hubs are not fetched'),
        ('timm:../x', 'other hubs are not fetched'),
        ('nothing_like_it', 'no such model'),
    ],
)
def test_other_names_are_refused(name, words):
    """A name of a hub would be downloaded, or run code."""
    with pytest.raises(UserError, match=words):
        find_library(name)


def test_without_weights_there_is_no_encoder():
    """Random weights would make a gallery that finds nothing, silently."""
    with pytest.raises(UserError, match='--encoder-weights FILE'):
        build_network(NAME, None)
    with pytest.raises(FileNotFoundError):
        build_network(NAME, 'gone.pth')


@pytest.mark.parametrize('renamed', [False, True])
def test_weights_of_timm_with_its_names_or_in_its_order(renamed, tmp_path):
    state = timm.create_model(NAME).state_dict()
    if renamed:
        state = {f'x{i}': value for i, value in enumerate(state.values())}
    network = build_network(NAME, save(state, tmp_path))
    loaded = list(network.model.state_dict().values())
    for value, expected in zip(loaded, state.values(), strict=False):
        assert torch.equal(value, expected)
    assert network.name == f'timm:{NAME}'
    assert network.features(torch.zeros(2, 3, 64, 64)).dim() == 2


def test_weights_of_another_model_are_refused(tmp_path):
    state = timm.create_model('test_vit').state_dict()
    with pytest.raises(CheckpointError, match=r'another model than timm:'):
        build_network(NAME, save(state, tmp_path))


def test_a_classifier_of_mmpretrain(tmp_path):
    """Also without its head, which is not used."""
    from mmpretrain import get_model

    state = get_model(OTHER).state_dict()
    path = save(
        {k: v for k, v in state.items() if not k.startswith('head.')}, tmp_path
    )
    network = build_network(OTHER, path)
    assert network.name == f'mmpretrain:{OTHER}'
    assert network.side == 224
    assert network.mean == (123.675, 116.28, 103.53)
    network.model.eval()
    with torch.no_grad():
        assert network.features(torch.zeros(1, 3, 64, 64)).shape == (1, 1280)
    del state['backbone.conv1.conv.weight']
    with pytest.raises(CheckpointError, match='missing'):
        build_network(OTHER, save(state, tmp_path))
