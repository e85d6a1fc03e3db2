# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""MMEngine metric of video person re-identification: CMC and mAP."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import nn

from ..errors import UserError
from ..evaluation.reid import (
    DRAWS,
    TOPK,
    VARIANTS,
    ReIDDistances,
    Variant,
    evaluate_reid,
)
from ..evaluation.tracklets import aggregate_tracklets
from ..registry import METRICS
from ..utils.files import atomic_write
from .clip_features import ClipFeatures


class Tracklets(NamedTuple):
    """Q query or gallery tracklets, their M clips one after another.

    Attributes:
        features (ClipFeatures): (M, T, D) of the clips.
        clips (np.ndarray): (Q,) int64 number of clips of each tracklet.
        pids (np.ndarray): (Q,) int64 person of each tracklet.
        camids (np.ndarray): (Q,) int64 camera of each tracklet.
    """

    features: ClipFeatures
    clips: np.ndarray
    pids: np.ndarray
    camids: np.ndarray


@METRICS.register_module()
class VideoReIDMetric(BaseMetric):
    """CMC and mAP of ranking all gallery tracklets for each query tracklet.

    Distances of clips come from the model's matcher, which
    :class:`~.matcher_hook.MatcherHook` sets (put it into ``custom_hooks``),
    (M, N) for M query and N gallery clips; the distance of two tracklets is
    the mean of the smallest tenth of the distances of their clips. The
    metrics are ``{allshots,cuhk03,market1501}/CMC-{1,5,10,20}`` and ``mAP``,
    all in 0-1, see :mod:`mmfashion_ext.evaluation.reid`, with the number of
    queries that they are means of, ``query_num``, and of those that are
    skipped because they have no match, ``miss_num``. To keep the best
    checkpoint, give the checkpoint hook ``save_best='allshots/CMC-1'``
    **and** ``rule='greater'``.

    Args:
        percentile (float): Clip distances up to this percentile (0-100)
            count. 10 as published; the published code also names 20.
        variants (Sequence[str]): CMC variants to compute.
        topk (Sequence[int]): Ranks of the CMC, from 1.
        draws (int): Number of galleries drawn for ``cuhk03``.
        seed (int): Seed of these draws.
        query_in_gallery (bool): Keep the query tracklets in the gallery too,
            as MARS' official evaluation does: 140 of its queries have no
            match otherwise. A query never matches itself, since items of its
            person from its camera are excluded. Defaults to False.
        outfile_prefix (str, optional): Write ``{prefix}.distmat.npz``, which
            ``tools/analysis/eval_reid.py`` reads.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            ``BaseMetric``.

    Raises:
        UserError: ``percentile`` is not in 0-100.
    """

    default_prefix = ''  # None would warn

    def __init__(
        self,
        percentile: float = 10,
        variants: Sequence[Variant] = VARIANTS,
        topk: Sequence[int] = TOPK,
        draws: int = DRAWS,
        seed: int = 0,
        query_in_gallery: bool = False,
        outfile_prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= percentile <= 100:
            raise UserError(f'percentile must be 0 to 100, got {percentile}')
        self.percentile = percentile
        self._evaluate_reid = partial(
            evaluate_reid, variants=variants, topk=topk, draws=draws, seed=seed
        )
        self.query_in_gallery = query_in_gallery
        self.outfile_prefix = outfile_prefix
        self.matcher: nn.Module | None = None  # set by MatcherHook

    def check_dataset(self, dataset: Any) -> None:
        """Check that queries can have a match, before anything runs.

        Args:
            dataset (Any): With ``get_data_info``: ``role`` and ``pid``.

        Raises:
            UserError: There are no queries, no gallery, or nobody is in both.
        """
        people: dict[str, set[int]] = {'query': set(), 'gallery': set()}
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            people.setdefault(info['role'], set()).add(info['pid'])
        query, gallery = people['query'], people['gallery']
        if self.query_in_gallery:
            gallery = gallery | query
        for role, found in (('query', query), ('gallery', gallery)):
            if not found:
                raise UserError(_no_clips(role, 'in the dataset'))
        if not query & gallery:
            raise UserError(
                f'none of the {len(query)} persons of the queries is among '
                f'the {len(gallery)} of the gallery, no query has a match; '
                "check the dataset's split, or convert it again"
            )

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the features of a batch, on the CPU.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Each ``ClipDataSample`` as a dict:
                ``embeddings`` and ``attention_keys`` (T, D), ``pid``,
                ``camid``, ``tracklet``, ``role`` and ``start``.
        """
        for sample in data_samples:
            self.results.append(
                {
                    'x': sample['embeddings'].detach().cpu(),
                    'h': sample['attention_keys'].detach().cpu(),
                    'clip': (int(sample['tracklet']), int(sample['start'])),
                    'role': sample['role'],
                    'pid': int(sample['pid']),
                    'camid': int(sample['camid']),
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compare all tracklets, evaluate, and write the distances.

        Args:
            results (list[dict]): What :meth:`process` collected, from all
                processes; the features of a clip are (T, D).

        Returns:
            dict[str, float]: Metrics in 0-1.

        Raises:
            UserError: No matcher, no clips of a role, or clips that differ
                in length.
        """
        query = _collect(results, 'query')
        among = ('gallery', 'query') if self.query_in_gallery else ('gallery',)
        gallery = _collect(results, *among)
        distmat = aggregate_tracklets(
            self._clip_distances(query.features, gallery.features),
            query.clips,
            gallery.clips,
            self.percentile,
        )
        distances = ReIDDistances(
            distmat, query.pids, gallery.pids, query.camids, gallery.camids
        )
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.distmat.npz'
            with atomic_write(path) as partial, partial.open('wb') as file:
                np.savez_compressed(file, **vars(distances))
            print_log(f'Wrote {path}', logger='current')
        metrics = self._evaluate_reid(distances)
        if metrics['miss_num']:
            print_log(
                f'{metrics["miss_num"]} of {len(query.pids)} queries have no '
                'match in the gallery and are skipped; the metrics are means '
                f'over {metrics["query_num"]}',
                logger='current',
                level=logging.WARNING,
            )
        return metrics

    def _clip_distances(
        self, query: ClipFeatures, gallery: ClipFeatures
    ) -> np.ndarray:
        """Compute (M, N) float32 distances on the model's device."""
        if self.matcher is None:
            raise UserError(
                'VideoReIDMetric has no matcher to compare clips with: add '
                "dict(type='mmfashion_ext.MatcherHook') to custom_hooks of "
                'the config'
            )
        device = next(self.matcher.parameters()).device
        distances = self.matcher.distances(
            *(
                ClipFeatures(*(part.to(device) for part in side))
                for side in (query, gallery)
            )
        )
        return distances.cpu().numpy()


def _no_clips(role: str, where: str) -> str:
    verb = 'were' if where == 'tested' else 'are'
    return (
        f'no {role} clips {verb} {where}: VideoReIDMetric needs a dataset '
        "with role='test' and tracklets in both of its lists"
    )


def _collect(results: list[dict], *roles: str) -> Tracklets:
    """Sort the clips of roles by tracklet and start, without duplicates."""
    role = roles[0]
    # a sampler that fills up the last batch gives some clips twice
    by_key = {r['clip']: r for r in results if r['role'] in roles}
    clips = [by_key[key] for key in sorted(by_key)]
    if not clips:
        raise UserError(_no_clips(role, 'tested'))
    if len({clip['x'].shape for clip in clips}) > 1:
        shortest = min(clips, key=lambda clip: len(clip['x']))
        raise UserError(
            f'the {role} clips differ in length: tracklet '
            f'{shortest["clip"][0]} has one of {len(shortest["x"])} frames. '
            'LoadClip extends short clips if the dataset has a clip_length'
        )
    tracklets = np.array([clip['clip'][0] for clip in clips])
    _, first, counts = np.unique(
        tracklets, return_index=True, return_counts=True
    )
    return Tracklets(
        ClipFeatures(*(torch.stack([c[k] for c in clips]) for k in 'xh')),
        counts,
        *(np.array([clips[i][k] for i in first]) for k in ('pid', 'camid')),
    )
