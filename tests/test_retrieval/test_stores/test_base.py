# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The contract of the vector stores, for each engine."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mmfashion_ext.retrieval.scoring import RetrievalError
from mmfashion_ext.retrieval.stores.base import disk_bytes


def test_the_best_20_are_those_of_the_exact_search(opened, similarity, draw):
    """In the same order, with the same scores to the last bit."""
    store, gallery, queries = opened(), draw(1500), draw(20, 1)
    names = torch.randperm(10**6, generator=torch.Generator().manual_seed(2))
    names = names[: len(gallery)]
    store.add(gallery[:1000], names[:1000].tolist())
    store.add(gallery[1000:], names[1000:].tolist())
    assert len(store) == 1500
    found = store.search(queries, 20)
    exact = similarity.search(queries, gallery, 20)
    assert torch.equal(found.scores, exact.scores)
    assert torch.equal(found.indices, names[exact.indices])
    assert store.search(queries, 5000).indices.shape == (20, 1500)
    assert store.search(queries[:0], 3).indices.shape == (0, 3)


def test_equal_scores_are_ordered_by_name(opened, draw):
    store, vector = opened(), draw(1)
    store.add(vector.repeat(4, 1), [9, 3, 2**62, 5])
    assert store.search(vector, 4).indices.tolist() == [[3, 5, 9, 2**62]]


def test_updates_and_deletes(opened, similarity, draw):
    """An updated vector is found where it is now, and there alone."""
    store, gallery = opened(), draw(30)
    store.add(gallery, range(30))
    moved = gallery[3] + 5
    store.add(moved[None], [3])
    assert len(store) == 30
    gallery[3] = moved
    assert store.remove([0, 7, 7, 999]) == 2
    assert sorted(store.ids().tolist()) == [
        i for i in range(30) if i not in (0, 7)
    ]
    found = store.search(draw(5, 1), 28)
    scores = similarity.pairwise(draw(5, 1), gallery)
    scores[:, [0, 7]] = -torch.inf
    assert torch.equal(
        found.indices, scores.argsort(dim=1, descending=True)[:, :28]
    )
    assert store.remove(range(30)) == 28
    assert len(store) == 0
    assert store.search(draw(2), 3).indices.shape == (2, 0)


def test_a_restart_finds_what_was_there(opened, draw):
    store = opened()
    store.add(draw(40), range(40))
    store.remove([1])
    before = store.search(draw(3, 1), 10)
    info = store.info()
    store.close()
    again = opened()
    found = again.search(draw(3, 1), 10)
    assert torch.equal(found.indices, before.indices)
    assert torch.equal(found.scores, before.scores)
    assert again.info() == info | {'bytes': again.info()['bytes']}
    assert info['items'] == 39
    assert info['width'] == 12
    assert info['bytes'] > 0


def test_readers_at_the_same_time(opened, draw):
    store = opened()
    store.add(draw(300), range(300))
    queries = draw(16, 1)
    expected = store.search(queries, 10).indices
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(
                lambda i: store.search(queries[i : i + 1], 10).indices[0],
                range(16),
            )
        )
    assert torch.equal(torch.stack(found), expected)


@pytest.mark.fault(2)
def test_wrong_vectors_and_names_change_nothing(opened, draw):
    store = opened()
    store.add(draw(2), [1, 2])
    bad = draw(2)
    bad[1, 0] = torch.nan
    for vectors, names, words in (
        (draw(2), [3], '2 vectors and 1 names'),
        (draw(2)[:, :5], [3, 4], r'shape \(N, 12\)'),
        (draw(2), [3, 3], 'repeated'),
        (draw(2), [3, -1], 'got -1'),
        (draw(2), [3, 2**63], '2\\^63 - 1'),
        (bad, [3, 4], 'vector 4 is NaN'),
    ):
        with pytest.raises(RetrievalError, match=words):
            store.add(vectors, names)
    with pytest.raises(RetrievalError, match='k must be at least 1'):
        store.search(draw(1), 0)
    with pytest.raises(RetrievalError, match='query features are NaN'):
        store.search(bad, 1)
    assert sorted(store.ids().tolist()) == [1, 2]
    store.add(draw(0), [])
    assert store.remove([]) == 0


def test_the_size_on_disk(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'b').write_bytes(b'123')
    assert disk_bytes(tmp_path) == 3
    assert disk_bytes(tmp_path / 'a' / 'b') == 3
    assert disk_bytes(tmp_path / 'none') == 0
