# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Vectors and stores of the tests."""

import runpy
from pathlib import Path

import pytest
import torch

from mmfashion_ext.plugins import is_installed
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.stores.sync import STORES, open_store

WIDTH = 12
FAKE = Path(__file__).with_name('fake_milvus.py')
HAS_MILVUS = is_installed('pymilvus') and is_installed('milvus_lite')


@pytest.fixture
def milvus(monkeypatch):
    """Milvus, or what answers in its place where it is not installed."""
    if not HAS_MILVUS:
        runpy.run_path(str(FAKE))['install'](monkeypatch)
    return HAS_MILVUS


def make_similarity():
    """Weights of either sign, as the match network has them."""
    weight = torch.linspace(-1, 0.3, WIDTH)
    return PairSimilarity(weight, 0.7)


@pytest.fixture
def similarity():
    return make_similarity()


@pytest.fixture
def draw():
    """A function: n vectors of a seed."""

    def call(num, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(num, WIDTH, generator=generator)

    return call


@pytest.fixture(params=STORES)
def opened(request, milvus, tmp_path, similarity):
    """A function that opens the store, again if it was closed."""
    stores = []

    def call(**options):
        path = tmp_path / f's{STORES[request.param]}'
        store = open_store(request.param, path, similarity, **options)
        stores.append(store)
        return store

    yield call
    for store in stores:
        store.close()
