# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import importlib.util
import json
import math
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmfashion_ext.retrieval import gallery_index
from mmfashion_ext.retrieval.gallery_index import GalleryIndex, measure_recall
from mmfashion_ext.retrieval.pair_similarity import (
    PairSimilarity,
    RetrievalError,
)

MODEL = 'match-rcnn:0123456789abcdef'
KINDS = ('ivf', 'hnsw')

needs_faiss = pytest.mark.skipif(
    importlib.util.find_spec('faiss') is None, reason='needs faiss'
)


def make_items(num, start=0):
    return [
        {
            'image': f'läden/{i}.jpg',
            'bbox': [i, 2.5, 30, 40.25],
            'category': 'vest',
            'score': i / 7,
        }
        for i in range(start, start + num)
    ]


def make_features(num, dim=16, seed=0):
    """Clothes of 40 styles: an index has something to find."""
    styles = torch.randn(40, dim, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    style = torch.randint(40, (num,), generator=generator)
    return styles[style] + 0.4 * torch.randn(num, dim, generator=generator)


def make_index(num=50, dim=16, positive=0.0):
    """``positive`` weights make it no distance at all."""
    generator = torch.Generator().manual_seed(5)
    weight = positive - torch.rand(dim, generator=generator)
    index = GalleryIndex(PairSimilarity(weight, 0.1), MODEL)
    index.add(make_features(num, dim), make_items(num))
    return index


def assert_equal(found, expected):
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.scores, expected.scores)


class TestSearch:
    def test_is_that_of_the_similarity(self):
        index = make_index()
        queries = make_features(7, seed=1)
        found = index.search(queries, 5, max_memory=10**5)
        expected = index.similarity.search(queries, index.features, 5)
        assert_equal(found, expected)
        assert index.search(queries, 999).indices.shape == (7, 50)

    def test_an_item_finds_itself(self):
        index = make_index()
        found = index.search(index.features, 1)
        assert found.indices[:, 0].tolist() == list(range(50))
        assert found.scores.unique().tolist() == pytest.approx([0.1])

    def test_empty(self):
        index = make_index(0)
        for use in (
            lambda: index.search(make_features(2), 3),
            lambda: index.build_approximate(),
        ):
            with pytest.raises(RetrievalError, match='is empty: add items'):
                use()

    def test_other_features(self):
        with pytest.raises(RetrievalError, match=r'\(N, 16\), got \(2, 8\)'):
            make_index().search(make_features(2, dim=8), 3)


class TestAdd:
    def test_in_parts(self):
        whole, index = make_index(50), make_index(0)
        for start, end in ((0, 1), (1, 30), (30, 30), (30, 50)):
            index.add(whole.features[start:end], whole.items[start:end])
        assert len(index) == 50
        assert torch.equal(index.features, whole.features)
        assert index.items == whole.items

    def test_keeps_no_reference(self):
        index, features = make_index(0), make_features(3)
        index.add(features, make_items(3))
        before = features.clone()
        features += 1
        assert torch.equal(index.features, before)

    @pytest.mark.parametrize(
        ('features', 'items', 'match'),
        [
            (make_features(2, dim=8), make_items(2), r'got \(2, 8\)'),
            (make_features(2)[0], make_items(2), r'got \(16,\)'),
            (make_features(2), make_items(3), 'got 2 features and 3 items'),
            (make_features(2).long(), make_items(2), 'must be floating'),
            (make_features(1), ['a.jpg'], 'item 0 must be a dict, got str'),
            (make_features(1), [{'a': {1}}], 'item 0 cannot be saved as JS'),
            (make_features(1), [{'a': math.nan}], 'item 0 cannot be saved'),
        ],
    )
    def test_refuses_whole(self, features, items, match):
        index = make_index(4)
        with pytest.raises(RetrievalError, match=match):
            index.add(features, items)
        assert len(index) == len(index.features) == 4

    @pytest.mark.parametrize('value', [math.nan, -math.inf])
    def test_refuses_what_is_not_finite(self, value):
        index, features = make_index(4), make_features(3)
        features[1, 5] = value
        with pytest.raises(RetrievalError, match=r'item 1, .*1.jpg.* are NaN'):
            index.add(features, make_items(3))
        assert len(index) == len(index.features) == 4


class TestFile:
    def test_round_trip_and_extension(self, tmp_path):
        path = tmp_path / 'new' / 'shop.index'
        index, queries = make_index(), make_features(7, seed=1)
        index.save(path)
        loaded = GalleryIndex.load(path, MODEL)
        assert loaded.items == index.items
        assert loaded.fingerprint == MODEL
        assert loaded.similarity.bias == index.similarity.bias
        assert_equal(loaded.search(queries, 9), index.search(queries, 9))
        more = make_features(20, seed=3)
        for each in (index, loaded):
            each.add(more, make_items(20, start=50))
        loaded.save(path)  # over the file that it was read from
        again = GalleryIndex.load(path)
        assert again.items == index.items
        assert_equal(again.search(queries, 9), index.search(queries, 9))

    def test_empty_index(self, tmp_path):
        make_index(0).save(tmp_path / 'x')
        index = GalleryIndex.load(tmp_path / 'x')
        assert (len(index), index.features.shape) == (0, (0, 16))

    def test_is_plain_data(self, tmp_path):
        """Another program can read it without this package."""
        index = make_index(3)
        index.save(tmp_path / 'x')
        with safe_open(str(tmp_path / 'x'), framework='np') as file:
            features = file.get_tensor('features')
            items = json.loads(file.get_tensor('items').tobytes())
            assert file.metadata()['fingerprint'] == MODEL
        assert torch.equal(torch.from_numpy(features), index.features)
        assert items == index.items

    def test_interrupted_save_leaves_the_old_file(self, tmp_path, monkeypatch):
        path = tmp_path / 'shop.index'
        make_index(3).save(path)
        before = path.read_bytes()

        def interrupted(tensors, temporary, metadata):
            temporary.write_bytes(before[:100])
            raise KeyboardInterrupt

        monkeypatch.setattr(gallery_index, 'save_file', interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_index(9).save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_another_checkpoint(self, tmp_path):
        make_index(3).save(tmp_path / 'x')
        with pytest.raises(RetrievalError) as caught:
            GalleryIndex.load(tmp_path / 'x', 'match-rcnn:ffff')
        message = str(caught.value)
        assert 'built with another checkpoint' in message
        assert MODEL in message
        assert 'match-rcnn:ffff' in message
        assert '\n' not in message

    def test_no_such_file(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r'index not found: .*none'
        ):
            GalleryIndex.load(tmp_path / 'none')

    def test_damaged_anywhere(self, tmp_path):
        """Cut or changed at any place: an error in one line, no crash."""
        path = tmp_path / 'x'
        make_index(3).save(path)
        whole = path.read_bytes()
        for place in (0, 4, 9, 60, len(whole) // 2, len(whole) - 1):
            changed = bytearray(whole)
            changed[place] ^= 0x5A
            for content in (whole[:place], bytes(changed)):
                path.write_bytes(content)
                with pytest.raises(RetrievalError, match=str(path)) as caught:
                    GalleryIndex.load(path)
                assert '\n' not in str(caught.value)

    def test_other_files(self, tmp_path):
        path = tmp_path / 'x'
        save_file({'a': torch.ones(2)}, path)
        with pytest.raises(RetrievalError, match='is no gallery index'):
            GalleryIndex.load(path)
        torch.save({'state_dict': {}}, path)
        with pytest.raises(RetrievalError, match='cannot be read as a gall'):
            GalleryIndex.load(path)
        with pytest.raises(RetrievalError, match='cannot be read as a gall'):
            GalleryIndex.load(tmp_path)

    def test_overwriting_the_file_does_not_change_a_loaded_index(
        self, tmp_path
    ):
        index = make_index(3)
        index.save(tmp_path / 'x')
        loaded = GalleryIndex.load(tmp_path / 'x')
        (tmp_path / 'x').write_bytes(b'')
        assert torch.equal(loaded.features, index.features)
        assert torch.equal(loaded.similarity.weight, index.similarity.weight)


@needs_faiss
class TestApproximate:
    @pytest.mark.parametrize('kind', KINDS)
    @pytest.mark.parametrize('positive', [0.0, 0.3])
    @pytest.mark.parametrize('offset', [0.0, 100.0])
    def test_finds_most_and_scores_exactly(self, kind, positive, offset):
        index = make_index(0, positive=positive)
        index.add(make_features(3000) + offset, make_items(3000))
        queries = make_features(60, seed=1) + offset
        index.build_approximate(kind)
        assert measure_recall(index, queries, 10) > 0.8
        exact = index.search(queries, 3000)
        found = index.search(queries, 10, approximate=True)
        at = exact.scores.gather(1, exact.indices.argsort(1))
        assert torch.equal(at.gather(1, found.indices), found.scores)
        assert (found.scores.diff(dim=1) <= 0).all()

    @pytest.mark.parametrize('kind', KINDS)
    def test_effort_buys_recall(self, kind):
        index = make_index(3000)
        queries = make_features(100, seed=1)
        index.build_approximate(kind, effort=1, links=4)
        low = measure_recall(index, queries, 10)
        index.approximate.effort = 3000
        assert measure_recall(index, queries, 10) > max(low, 0.99)

    def test_all_cells_are_exact(self):
        index = make_index(700)
        index.build_approximate('ivf', cells=9, effort=9)
        queries = make_features(30, seed=2)
        assert_equal(
            index.search(queries, 20, approximate=True),
            index.search(queries, 20),
        )
        assert measure_recall(index, queries) == 1

    @pytest.mark.parametrize('kind', KINDS)
    def test_items_added_later_are_found(self, kind):
        index = make_index(2000)
        index.build_approximate(kind)
        more = make_features(300, seed=8) * 1.3
        index.add(more, make_items(300, start=2000))
        index.add(more[:0], [])
        found = index.search(more, 1, approximate=True).indices[:, 0]
        right = found == torch.arange(2000, 2300)
        assert right.float().mean() > 0.95

    @pytest.mark.parametrize('kind', KINDS)
    def test_one_item(self, kind):
        index = make_index(1)
        index.build_approximate(kind)
        found = index.search(make_features(2), 5, approximate=True)
        assert found.indices.tolist() == [[0], [0]]

    def test_fewer_found_than_wanted(self):
        index = make_index(400)
        index.build_approximate('ivf', cells=100, effort=1)
        found = index.search(make_features(5), 200, approximate=True)
        missing = found.indices == -1
        assert missing[:, -1].all()
        assert not missing[:, 0].any()
        assert (found.scores[missing] == -torch.inf).all()
        assert found.scores[~missing].isfinite().all()
        assert 0 < measure_recall(index, make_features(5), 200) < 1

    def test_inner_product_index_ranks_the_same(self):
        """faiss' own exact index over the augmented vectors."""
        import faiss

        index = make_index(900, dim=64, positive=0.3)
        queries = make_features(40, dim=64, seed=1)
        flat = faiss.IndexFlatIP(66)
        flat.add(index.similarity.augment_gallery(index.features).numpy())
        augmented = index.similarity.augment_queries(queries)
        scores, indices = flat.search(augmented.numpy(), 20)
        exact = index.search(queries, 20)
        gaps = index.search(queries, 21).scores.diff(dim=1).abs()
        clear = (gaps > 1e-4).all(dim=1)  # what float32 can tell apart
        assert clear.float().mean() > 0.8
        assert torch.equal(
            torch.from_numpy(indices)[clear], exact.indices[clear]
        )
        torch.testing.assert_close(
            torch.from_numpy(scores), exact.scores, rtol=0, atol=1e-4
        )

    def test_errors(self):
        index = make_index()
        queries = make_features(2)
        with pytest.raises(RetrievalError, match='call build_approximate'):
            index.search(queries, 3, approximate=True)
        for options, match in (
            ({'kind': 'lsh'}, "'ivf' or 'hnsw', got 'lsh'"),
            ({'cells': 51}, 'cells must be 1 to 50'),
            ({'effort': 0}, 'effort must be at least 1, got 0'),
        ):
            with pytest.raises(RetrievalError, match=match):
                index.build_approximate(**options)
            assert index.approximate is None
        index.build_approximate()
        with pytest.raises(RetrievalError, match='k must be at least 1'):
            index.search(queries, 0, approximate=True)
        with pytest.raises(RetrievalError, match=r'query .* got \(2, 3\)'):
            index.search(queries[:, :3], 3, approximate=True)
        with pytest.raises(RetrievalError, match='at least one query'):
            measure_recall(index, queries[:0])

    def test_in_a_process_of_its_own(self, run_python):
        """No host, faiss when used; both it and torch bring an OpenMP
        library: neither a crash nor a deadlock with several threads.
        """
        code = """if True:
            import sys
            from mmfashion_ext.retrieval.gallery_index import *

            print(sorted(sys.modules.keys() & {
                'faiss', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpretrain'}))

            import torch
            from mmfashion_ext.retrieval.pair_similarity import PairSimilarity

            torch.set_num_threads(2)
            torch.manual_seed(0)
            index = GalleryIndex(PairSimilarity(-torch.ones(32), 0.0), 'x')
            features = torch.randn(4000, 32)
            index.add(features, [{}] * 4000)
            for kind in ('ivf', 'hnsw') * 2:
                index.build_approximate(kind, effort=200)
                print(measure_recall(index, features[:200]) > 0.9)
                torch.randn(300, 300) @ torch.randn(300, 300)
        """
        printed = run_python('-c', code).stdout.split()
        assert printed == ['[]', *['True'] * 4]


def test_without_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, 'faiss', None)
    index = make_index()
    with pytest.raises(ImportError) as caught:
        index.build_approximate()
    assert "pip install 'mmfashion_ext[retrieval]'" in str(caught.value)
    assert '\n' not in str(caught.value)
    assert index.search(make_features(2), 3).indices.shape == (2, 3)
