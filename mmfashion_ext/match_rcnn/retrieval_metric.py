# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Retrieval metric: top-k accuracy of consumer-to-shop retrieval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ..errors import UserError
from ..evaluation.consumer_to_shop import TOPK, evaluate_retrieval
from ..evaluation.consumer_to_shop_files import (
    Composition,
    add_attribute_codes,
    compose_retrieval_gt,
    load_retrieval_gt,
    write_retrieval_list,
)
from ..evaluation.result_files import to_numpy
from ..evaluation.tables import format_tables
from ..registry import METRICS
from ..retrieval.pair_similarity import PairSimilarity
from ..retrieval.rerank import search_reranked
from .metric import check_images_once

#: Composition of the ground-truth lists -> prefix of its metrics.
PREFIXES: dict[Composition, str] = {
    'released': 'retrieval',
    'paper': 'retrieval_paper',
}


@METRICS.register_module()
class RetrievalMetric(BaseMetric):
    """Top-k accuracy of retrieving a user's garment from shop images.

    Items have boxes (N, 4) xyxy px and features (N, D) of the match head.

    Every detected item of a user image is a query, for which all items that
    were detected in the shop images are ranked, as in the official protocol
    (DeepFashion2, section 5.4). The ground truth decides only what is
    correct; which detection stands for which item is the protocol's rule, see
    :mod:`mmfashion_ext.evaluation.consumer_to_shop`. With ground-truth boxes
    (``test_cfg.rcnn.gt_boxes=True`` of the model) queries and gallery are
    the items themselves.

    The metrics are ``retrieval/top-1``, ``-5``, ``-10``, ``-15``, ``-20`` in
    0-1, ``retrieval/query_num`` and ``retrieval/miss_num``; with
    ``subsets`` also ``retrieval/scale=small/top-1``, with ``per_category``
    also ``retrieval/top-1/vest``; of the composition ``'paper'`` under
    ``retrieval_paper/``. To keep the best checkpoint, give the hook
    ``save_best='retrieval/top-20'`` **and** ``rule='greater'``.

    Args:
        ann_file (str): COCO ground truth, from
            ``tools/dataset_converters/deepfashion2.py``.
        compositions (Sequence[str]): ``'released'`` (queries of style > 0,
            all shop items) and ``'paper'`` (also the items of style 0 beside
            the queries, to which detections may be assigned instead).
        query_gt, gallery_gt (str, optional): The official ground-truth lists
            instead of those made from ``ann_file``.
        query_score_thr (float): Lowest score, 0-1, of a query.
        gallery_score_thr (float): Lowest score, 0-1, of a gallery item.
            Detections with lower scores are mostly duplicates or false.
        depth (int): Retrieved items of each query; official files have 20.
        per_category (bool): Also by category.
        subsets (bool): Also by scale, occlusion, zoom-in and viewpoint of
            the query, and for queries with more than 5 identical items.
        outfile_prefix (str, optional): Write the official result list
            ``{prefix}.retrieval.json``. Evaluating it with
            ``tools/analysis/eval_retrieval.py`` gives the same numbers.
        format_only (bool): Only write the file.
        field (str): Features to rank by: ``{field}_features`` of the
            predictions, as ``field`` of the head that writes them says.
        rerank_field (str, optional): Features of a second head, which orders
            the best ``rerank_k`` of each query anew: an embedding finds
            them, the match network compares them.
        rerank_k (int): How many.
        **kwargs: ``collect_device`` and ``collect_dir`` of ``BaseMetric``.

    Raises:
        FileNotFoundError: ``ann_file`` or a list does not exist.
        UserError: An unknown composition, one list only, or ``format_only``
            without ``outfile_prefix``.
    """

    default_prefix = ''

    def __init__(
        self,
        ann_file: str,
        compositions: Composition | Sequence[Composition] = ('released',),
        query_gt: str | None = None,
        gallery_gt: str | None = None,
        query_score_thr: float = 0.05,
        gallery_score_thr: float = 0.3,
        depth: int = max(TOPK),
        per_category: bool = False,
        subsets: bool = False,
        outfile_prefix: str | None = None,
        format_only: bool = False,
        field: str = 'match',
        rerank_field: str | None = None,
        rerank_k: int = 50,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(compositions, str):
            compositions = (compositions,)
        if unknown := set(compositions) - PREFIXES.keys():
            raise UserError(
                'compositions of RetrievalMetric must be among '
                f'{", ".join(PREFIXES)}, got {", ".join(sorted(unknown))}'
            )
        if (query_gt is None) != (gallery_gt is None):
            raise UserError(
                'RetrievalMetric: give both of query_gt and gallery_gt, or '
                'neither'
            )
        if format_only and outfile_prefix is None:
            raise UserError(
                'format_only of RetrievalMetric writes a result file only: '
                'set outfile_prefix'
            )
        self.score_thr = {'user': query_score_thr, 'shop': gallery_score_thr}
        self.depth = depth
        self.per_category = per_category
        self.subsets = subsets
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only
        self.fields = [field, *([rerank_field] if rerank_field else [])]
        self.rerank_k = rerank_k
        # of the model, by field, see process
        self._similarities: dict[str, dict] = {}
        self._lists: dict[str, tuple[list[dict], list[dict]]] = {}
        if not format_only:  # before the training, not after its first epoch
            self._lists = {
                PREFIXES[composition]: self._ground_truth(
                    ann_file, composition, query_gt, gallery_gt
                )
                for composition in compositions
            }

    def _ground_truth(
        self,
        ann_file: str,
        composition: Composition,
        query_gt: str | None,
        gallery_gt: str | None,
    ) -> tuple[list[dict], list[dict]]:
        """Return the lists of queries (with attributes) and of the gallery."""
        lists: tuple[list[dict] | str, list[dict] | str]
        if query_gt is None or gallery_gt is None:
            lists = compose_retrieval_gt(ann_file, composition)
        else:
            lists = query_gt, gallery_gt
        queries = load_retrieval_gt(lists[0], 'query')
        gallery = load_retrieval_gt(lists[1], 'gallery')
        if self.subsets:
            queries = add_attribute_codes(queries, ann_file)
        return queries, gallery

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the items of a batch with their features.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``img_id``, ``source`` ('user' or
                'shop'), ``match_similarity`` and ``pred_instances`` with
                ``bboxes`` (n, 4) xyxy px of the original image, ``scores``
                (n,), ``labels`` (n,) 0..12 and ``{field}_features`` (n, D).

        Raises:
            UserError: The model has no match head, or the source of an image
                is unknown.
        """
        for sample in data_samples:
            pred, source = sample['pred_instances'], sample.get('source')
            if source not in self.score_thr:
                raise UserError(
                    f'image {sample["img_id"]} has source {source!r}, '
                    "expected 'user' or 'shop': convert the annotations with "
                    'tools/dataset_converters/deepfashion2.py'
                )
            for field in self.fields:
                if f'{field}_features' not in pred:
                    raise UserError(
                        f'the predictions have no {field}_features: give '
                        f'model.roi_head a {field}_head, or remove '
                        'RetrievalMetric from the evaluator'
                    )
                self._similarities[field] = sample[f'{field}_similarity']
            confident = pred['scores'] >= self.score_thr[source]
            self.results.append(
                {
                    'image_id': int(sample['img_id']),
                    'source': source,
                    # float64: 0.01 px has no exact form in float32
                    'boxes': to_numpy(pred['bboxes'][confident])
                    .astype(float)
                    .round(2),
                    'labels': to_numpy(pred['labels'][confident]),
                    'scores': to_numpy(pred['scores'][confident]),
                    **{
                        f'{field}_features': to_numpy(
                            pred[f'{field}_features'][confident]
                        )
                        for field in self.fields
                    },
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Rank the gallery for every query and compute the metrics.

        Args:
            results (list[dict]): What ``process`` stored, of all processes.

        Returns:
            dict[str, float]: Empty if ``format_only``.

        Raises:
            UserError: An image was predicted twice.
        """
        check_images_once(results, type(self).__name__)
        entries = self.rank(results)
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.retrieval.json'
            write_retrieval_list(path, entries)
            print_log(f'Wrote {path}', logger='current')
        tables = {}
        for prefix, (queries, gallery) in self._lists.items():
            # the lists leave out user images without an item of style > 0
            query_images = {entry['query_image_id'] for entry in queries}
            tables[prefix] = evaluate_retrieval(
                queries,
                gallery,
                [e for e in entries if e['query_image_id'] in query_images],
                per_category=self.per_category,
                subsets=self.subsets,
            )
        if tables:
            overall = {
                prefix: {k: v for k, v in metrics.items() if '/' not in k}
                for prefix, metrics in tables.items()
            }
            print_log(f'\n{format_tables(overall)}', logger='current')
        return {
            f'{prefix}/{name}': value
            for prefix, metrics in tables.items()
            for name, value in metrics.items()
        }

    def rank(self, results: list[dict]) -> list[dict]:
        """Return the official result list: an entry per item of a user image.

        Args:
            results (list[dict]): What ``process`` stored: of each image
                ``boxes`` (n, 4) xyxy px, ``{field}_features`` (n, D) ...

        Returns:
            list[dict]: ``query_bbox`` and ``gallery_bbox`` are xyxy px of the
            original images. Empty if nothing was detected in the shop images.
        """
        queries = _concatenate_items(results, 'user', self.fields)
        gallery = _concatenate_items(results, 'shop', self.fields)
        print_log(
            f'Ranking {len(gallery["boxes"])} gallery items for '
            f'{len(queries["boxes"])} query items',
            logger='current',
        )
        if not len(queries['boxes']) or not len(gallery['boxes']):
            return []
        ranked = self._search(queries, gallery)
        return [
            {
                'query_image_id': int(queries['image_id'][i]),
                'query_bbox': queries['boxes'][i].tolist(),
                'query_cls': int(queries['labels'][i]) + 1,
                'query_score': float(queries['scores'][i]),
                'gallery_image_id': gallery['image_id'][best].tolist(),
                'gallery_bbox': gallery['boxes'][best].tolist(),
            }
            for i, best in enumerate(to_numpy(ranked))
        ]

    def _search(self, queries: dict, gallery: dict) -> Tensor:
        """Return the best (Q, depth) items of the gallery, on any device."""
        similarities, features = [], []
        for field in self.fields:
            # process sets it with the first image, and there are items
            found = self._similarities[field]
            weight = torch.as_tensor(found['weight'])
            similarities.append(PairSimilarity(weight, found['bias']))
            features.append(
                [
                    torch.from_numpy(items[f'{field}_features']).to(
                        weight.device
                    )
                    for items in (queries, gallery)
                ]
            )
        (users, shops), *rest = features
        if not rest:
            return similarities[0].search(users, shops, self.depth).indices
        ((users_2, shops_2),) = rest
        return search_reranked(
            similarities[0],
            similarities[1],
            (users, users_2),
            (shops, shops_2),
            self.rerank_k,
            self.depth,
        )


def _concatenate_items(
    results: list[dict], source: str, fields: Sequence[str]
) -> dict[str, np.ndarray]:
    """Concatenate the items of all images of a source, field by field."""
    images = [image for image in results if image['source'] == source]
    items = {
        name: np.concatenate([image[name] for image in images] or [[]])
        for name in (
            *('boxes', 'labels', 'scores'),
            *(f'{field}_features' for field in fields),
        )
    }
    counts = [len(image['boxes']) for image in images]
    items['image_id'] = np.repeat([i['image_id'] for i in images], counts)
    return items
