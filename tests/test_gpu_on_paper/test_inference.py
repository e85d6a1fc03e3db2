# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inferencers, galleries and searches on the GPU on paper."""

import cv2
import numpy as np
import pytest
import timm
import torch
import torch.distributed as dist
from torch import nn

from mmfashion_ext import hub
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.match_rcnn import ClothesInferencer
from mmfashion_ext.match_rcnn.gallery import (
    GarmentEncoder,
    build_gallery,
    query_gallery,
)
from mmfashion_ext.retrieval.approximate_search import ApproximateSearch
from mmfashion_ext.retrieval.distributed_search import distributed_search
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.image_encoder import ImageEncoder
from mmfashion_ext.retrieval.inner_product import topk_inner_product
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.rerank import search_reranked
from mmfashion_ext.scan import SCANInferencer
from mmfashion_ext.tryon import FidelityMetric, TryOnInferencer, TryOnMetric

from .paper_gpu import NAME

MATCH = 'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'
LANDMARK = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
SCAN = 'scan_r10-small_1xb32-12e_synthetic-64x32'
TRYON = 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96'


def random_weights(name, folder, score_thr=None, **options):
    """Config and weights of a model of random weights, as a user has them."""
    config, file = folder / 'model.py', folder / 'random.pth'
    base = f"__import__('mmfashion_ext').config_path({name!r})"
    lines = [f'_base_ = {base}']
    if score_thr is not None:
        lines.append(
            f'model = dict(test_cfg=dict(rcnn=dict(score_thr={score_thr}, '
            'max_per_img=3)))'
        )
    config.write_text('\n'.join(lines) + '\n')
    torch.manual_seed(0)
    model = hub.get_model(str(config), **options)
    torch.save({'state_dict': model.state_dict()}, file)
    return str(config), str(file)


def image(seed=0, size=(96, 72)):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    return cv2.resize(small, size[::-1])


def test_clothes_and_their_gallery(gpu, tmp_path):
    """Find, encode, index and query; and clothes as the landmarks' boxes."""
    config, weights = random_weights(MATCH, tmp_path, score_thr=0.0)
    encoder = GarmentEncoder(config, weights, NAME, score_thr=0.0)
    infer = encoder.infer
    assert isinstance(infer, ClothesInferencer)
    assert infer.device == gpu
    (found,) = infer(image(), out_dir=tmp_path / 'out', draw=True)[
        'predictions'
    ]
    assert len(found['bboxes']) == 3
    assert found['masks'].shape == (3, 96, 72)
    shop = tmp_path / 'shop'
    shop.mkdir()
    cv2.imwrite(str(shop / '0.png'), image())
    index = tmp_path / 'shop.index'
    options = {'progress': False, 'duplicate_iou': None}
    report = build_gallery([shop], encoder, index, **options)
    assert (report.images, report.garments) == (1, 3)
    garments = query_gallery(
        image(), GalleryIndex.load(index), encoder, duplicate_iou=None
    )
    best = garments[0]['matches'][0]
    assert best['image'].endswith('0.png')

    # the same detector before the landmarks
    folder = tmp_path / 'landmark'
    folder.mkdir()
    landmarks = LandmarkInferencer(
        *random_weights(LANDMARK, folder),
        NAME,
        det_model=config,
        det_weights=weights,
        show_progress=False,
    )
    (found,) = landmarks(image(), out_dir=folder / 'out', draw=True)[
        'predictions'
    ]
    assert all(np.isfinite(points).all() for points in found['keypoints'])


def test_persons(gpu, tmp_path):
    infer = SCANInferencer(
        *random_weights(SCAN, tmp_path),
        NAME,
        crop_size=(32, 16),
        show_progress=False,
    )
    assert infer.device == gpu
    people = [[image(n, (32, 16))] * 11 for n in range(2)]
    (found,) = infer([people[0]], people, top=2)['predictions']
    assert np.isfinite(found['scores']).all()
    assert 0 <= infer.match(*people) <= 1


def test_try_on(gpu, tmp_path):
    """In half precision; a training's validation is in float32."""
    config, weights = random_weights(TRYON, tmp_path, model={'teacher': None})
    infer = TryOnInferencer(
        config, weights, NAME, amp=True, batch_size=2, show_progress=False
    )
    mask = np.zeros((64, 48), np.uint8)
    mask[8:50, 8:40] = 255
    result = infer(
        [image(0, (64, 48)), image(1, (64, 48))],
        [image(2, (64, 48))],
        [mask],
        out_dir=tmp_path / 'out',
    )
    assert result['skipped'] == []
    for found in result['predictions']:
        assert found['try_on'].shape == (64, 48, 3)


def random_case():
    generator = torch.Generator().manual_seed(0)
    queries, gallery = (
        torch.randn(rows, 8, generator=generator) for rows in (3, 40)
    )
    weight = torch.randn(8, generator=generator) * 0.1 - 0.05
    return PairSimilarity(weight, 0.5), queries, gallery


@pytest.mark.parametrize('where', ['cpu', NAME])
def test_exact_search(gpu, where):
    """The gallery may stay on the CPU."""
    similarity, queries, gallery = random_case()
    expected = similarity.search(queries, gallery, 5)
    found = similarity.search(queries.to(gpu), gallery.to(where), 5)
    assert found.scores.device == found.indices.device == gpu
    assert torch.equal(found.indices.cpu(), expected.indices)
    chosen = similarity.rank(
        queries.to(gpu), gallery.to(where), found.indices, 5
    )
    assert torch.equal(chosen.scores.cpu(), expected.scores)
    expected = topk_inner_product(queries, gallery, 5)
    found = topk_inner_product(queries.to(gpu), gallery.to(where), 5)
    assert torch.equal(found.indices.cpu(), expected.indices)


def test_reranked_search(gpu):
    similarity, queries, gallery = random_case()
    cosine = PairSimilarity.cosine(8)
    both = [(queries, queries), (gallery, gallery)]
    expected = search_reranked(cosine, similarity, *both, 4, 6)
    there = [tuple(part.to(gpu) for part in pair) for pair in both]
    found = search_reranked(cosine, similarity, *there, 4, 6)
    assert torch.equal(found.cpu(), expected)


def test_vectors_of_whole_images(gpu, tmp_path):
    name, weights = 'test_efficientnet', tmp_path / 'weights.pth'
    torch.save(timm.create_model(name).state_dict(), weights)
    images = [image(), image(1)]
    found = ImageEncoder(f'timm:{name}', weights, NAME).encode(images)
    expected = ImageEncoder(f'timm:{name}', weights, 'cpu').encode(images)
    torch.testing.assert_close(found, expected)


def test_approximate_search(gpu):
    pytest.importorskip('faiss')
    similarity, queries, gallery = random_case()
    index = GalleryIndex(similarity, 'model:1')
    items = [
        {'image': f'{i}.jpg', 'bbox': [0, 0, 1, 1], 'category': 'vest'}
        | {'score': 0.5}
        for i in range(len(gallery))
    ]
    index.add(gallery.to(gpu), items)
    index.build_approximate('ivf', cells=1, effort=1)
    assert isinstance(index.approximate, ApproximateSearch)
    found = index.search(queries.to(gpu), 5, approximate=True)
    exact = similarity.search(queries, gallery, 5)
    assert torch.equal(found.indices.cpu(), exact.indices)


def test_distributed_search(gpu):
    similarity, queries, gallery = random_case()
    expected = similarity.search(queries, gallery, 5)
    dist.init_process_group(
        'gloo', store=dist.HashStore(), rank=0, world_size=1
    )
    try:
        found = distributed_search(
            similarity, queries.to(gpu), gallery.to(gpu), 5
        )
    finally:
        dist.destroy_process_group()
    assert found.scores.device == gpu
    assert torch.equal(found.indices.cpu(), expected.indices)


class MeanColour(nn.Module):
    """In place of Inception and of LPIPS."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images, truth=None):
        values = images.float().mean(dim=(2, 3)) * self.scale
        if truth is None:
            return values
        return (values - truth.float().mean(dim=(2, 3))).abs().mean()


def test_metrics_that_no_small_config_has(gpu, tmp_path):
    samples = [
        {
            name: torch.rand(3, 16, 16).to(gpu) * 2 - 1
            for name in ('person', 'try_on')
        }
        for _ in range(4)
    ]
    fidelity = FidelityMetric(features=MeanColour(), subset_size=2)
    fidelity.process(None, samples)
    assert np.isfinite([*fidelity.evaluate(4).values()]).all()
    metric = TryOnMetric()
    metric.lpips = MeanColour()
    names = {'person_name': 'a.jpg', 'cloth_name': 'b.jpg'}
    metric.process(None, [sample | names for sample in samples])
    assert metric.evaluate(4)['LPIPS'] > 0
