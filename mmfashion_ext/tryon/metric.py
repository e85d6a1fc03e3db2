# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metrics of try-ons and warps with known truth: SSIM, L1, LPIPS, IoU, EPE.

For unpaired try-ons, whose truth is not known, distributions are compared:
:mod:`.fidelity_metric`.
"""

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ..errors import UserError
from ..formats.viton.garment_classes import GARMENT_CLASSES
from ..registry import METRICS
from ..utils.files import atomic_write
from .metric_networks import build_lpips

#: SSIM's window in px: 11 x 11, Gaussian.
_SSIM_RADIUS, _SSIM_SIGMA = 5, 1.5


class MeanMetric(BaseMetric):
    """Base of metrics that average numbers of single samples.

    NaN means that a number is not defined for a sample; the mean is over the
    others, and a metric without any number is not reported. If the samples
    are of several garment classes, each metric is also reported for each
    class, ``dresses/SSIM``.

    Args:
        outfile_prefix (str, optional): Write the numbers of every sample to
            ``{prefix}.{file_name}.csv``.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            ``BaseMetric``.
    """

    default_prefix = ''  # None would warn
    file_name: str

    def __init__(
        self, outfile_prefix: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.outfile_prefix = outfile_prefix

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Measure a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``TryOnDataSample`` as dicts, with
                images (3, h, w), RGB in [-1, 1].
        """
        for sample in data_samples:
            names = (
                sample['person_name'],
                sample['cloth_name'],
                sample.get('cloth_class', ''),
            )
            self.results.append((names, self.measure(sample)))

    def measure(self, sample: dict) -> dict[str, float]:
        """Return the numbers of one sample, by metric."""
        raise NotImplementedError

    def compute_metrics(
        self, results: list[tuple[tuple[str, str, str], dict[str, float]]]
    ) -> dict[str, float]:
        """Average over the samples, and write the file.

        Args:
            results (list): ``((person_name, cloth_name, cloth_class),
                numbers)`` of each sample, of all processes; the class may be
                empty.

        Returns:
            dict[str, float]: Metric -> mean; of several classes also
            ``CLASS/metric`` -> mean of the class.
        """
        metrics = list(dict.fromkeys(k for _, row in results for k in row))
        table = np.array(
            [[row.get(k, np.nan) for k in metrics] for _, row in results]
        )
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.{self.file_name}.csv'
            with atomic_write(path) as partial, partial.open('w') as file:
                writer = csv.writer(file)
                writer.writerow(['person', 'cloth', 'class', *metrics])
                for (names, _), row in zip(results, table, strict=True):
                    writer.writerow([*names, *row])
            print_log(f'Wrote {path}', logger='current')
        means = _means(metrics, table)
        for name, rows in rows_by_class([n[2] for n, _ in results]).items():
            of_class = _means(metrics, table[rows])
            means.update({f'{name}/{k}': v for k, v in of_class.items()})
        return means


def _means(metrics: Sequence[str], table: np.ndarray) -> dict[str, float]:
    """Return the means of the columns of (N, metrics) that have a number."""
    return {
        name: float(np.nanmean(column))
        for name, column in zip(metrics, table.T, strict=True)
        if not np.isnan(column).all()
    }


def rows_by_class(classes: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each garment class, if there are several classes.

    Args:
        classes (Sequence[str]): Of each row; may be empty where the class is
            not known.

    Returns:
        dict[str, list[int]]: Class -> rows, in the order of
        ``GARMENT_CLASSES``; empty if all rows are of one class.
    """
    rows: dict[str, list[int]] = {
        name: [n for n, other in enumerate(classes) if other == name]
        for name in GARMENT_CLASSES
    }
    found = {name: indices for name, indices in rows.items() if indices}
    return found if len({*classes}) > 1 else {}


@METRICS.register_module()
class TryOnMetric(MeanMetric):
    """SSIM, L1 and LPIPS of try-ons against the true image, (3, h, w).

    For paired tests that is the photograph. For unpaired ones it is known in
    synthetic tests only (``gt_try_on``).

    ``SSIM`` (mean over the pixels whose 11 x 11 Gaussian window, sigma 1.5,
    lies inside, as in SSIM's paper and scikit-image), ``L1`` (mean absolute
    difference of images in 0-1) and ``LPIPS``. Means over the samples. Images
    are not rounded to grey levels.

    Args:
        ssim (bool): Whether to report SSIM, at most 1, higher is better.
        l1 (bool): Whether to report L1, 0-1, lower is better.
        lpips (dict, optional): Report LPIPS, lower is better, with these
            arguments of :func:`build_lpips`: ``checkpoint`` and, unless it is
            ``'alex'``, ``net``.
        **kwargs: See :class:`MeanMetric`.

    Raises:
        UserError: For LPIPS: its weights, or torchmetrics, are missing.
    """

    file_name = 'try_on'

    def __init__(
        self,
        ssim: bool = True,
        l1: bool = True,
        lpips: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ssim = ssim
        self.l1 = l1
        # built here: a missing file is reported before a training starts
        self.lpips = None if lpips is None else build_lpips(**lpips)

    def check_dataset(self, dataset: Any) -> None:
        """Check that the true images are known, before anything runs.

        Args:
            dataset (Any): With ``get_data_info``; not empty.

        Raises:
            UserError: The pairs are unpaired and the truth is not known.
        """
        meta = self.dataset_meta or {}
        info = dataset.get_data_info(0)
        if meta.get('paired') is False and 'truth_path' not in info:
            raise UserError(_unknown_truth(info['person_name']))

    def measure(self, sample: dict) -> dict[str, float]:
        """Compare ``try_on`` with ``gt_try_on`` or, paired, ``person``.

        Args:
            sample (dict): ``TryOnDataSample`` as dict, with images
                (3, h, w), RGB in [-1, 1].

        Returns:
            dict[str, float]: Metric -> number.

        Raises:
            UserError: The pairs are unpaired and the truth is not known.
        """
        target = 'gt_try_on' if 'gt_try_on' in sample else 'person'
        meta = self.dataset_meta or {}
        if target == 'person' and meta.get('paired') is False:
            raise UserError(_unknown_truth(sample['person_name']))
        image, truth = (
            sample[name].detach().float().clamp(-1, 1)
            for name in ('try_on', target)
        )
        row = {}
        if self.ssim:
            row['SSIM'] = structural_similarity(image, truth)
        if self.l1:
            row['L1'] = float((image - truth).abs().mean() / 2)
        if self.lpips is not None:
            row['LPIPS'] = float(
                self.lpips.to(image.device)(image[None], truth[None])
            )
        return row


@METRICS.register_module()
class WarpMetric(MeanMetric):
    """IoU and end-point error of the warped cloth.

    - ``warp/IoU``: intersection over union (0-1) of the warped mask and the
      cloth region of the parse map, both (1, h, w);
    - ``warp/EPE``: end-point error, the distance in px between the predicted
      and the true point of the flat cloth that a pixel shows; mean over the
      pixels in which the truth is defined. Synthetic data has it.
    - ``unwarped/IoU``, ``unwarped/EPE``: the same for the cloth that is not
      warped, a baseline.

    Means over the samples. Samples without cloth do not count, and a metric
    for which no sample has the truth is not reported. Arguments: see
    :class:`MeanMetric`.
    """

    file_name = 'warp'

    def measure(self, sample: dict) -> dict[str, float]:
        """Compare masks and flow with ``person_cloth_mask`` and ``gt_flow``.

        Args:
            sample (dict): ``TryOnDataSample`` as dict, with masks (1, h, w)
                in 0-1 and flows (2, h, w); those two keys are optional.

        Returns:
            dict[str, float]: Metric -> number.
        """
        row = {}
        if 'person_cloth_mask' in sample:
            worn = sample['person_cloth_mask']
            row['warp/IoU'] = mask_iou(sample['warped_mask'], worn)
            row['unwarped/IoU'] = mask_iou(sample['cloth_mask'], worn)
        if 'gt_flow' in sample:
            truth = sample['gt_flow']
            flow = grid_to_px(sample['flow'].float())
            identity = pixel_positions(flow)
            row['warp/EPE'] = end_point_error(flow, truth)
            row['unwarped/EPE'] = end_point_error(identity, truth)
        return row


def _unknown_truth(person: str) -> str:
    return (
        f'TryOnMetric: {person} and others are tested in garments that they '
        'do not wear, so the true image is not known; set paired=True of the '
        'dataset, or use FidelityMetric'
    )


def structural_similarity(image: Tensor, truth: Tensor) -> float:
    """Compute the SSIM of two images, mean over colours and whole windows.

    ``(2 m_a m_b + c1) (2 s_ab + c2) / ((m_a^2 + m_b^2 + c1) (s_a^2 + s_b^2 +
    c2))`` with means, variances and covariance under a Gaussian window,
    c1 = 0.01^2 and c2 = 0.03^2 for images in 0-1. Computed in float64, because
    variances are differences of squares, and tiny in flat regions.

    Args:
        image (Tensor): (3, h, w), RGB in [-1, 1]; at least 11 x 11 px.
        truth (Tensor): The same.

    Returns:
        float: At most 1.

    Raises:
        UserError: The images are smaller than the window.
    """
    h, w = image.shape[1:]
    if min(h, w) <= 2 * _SSIM_RADIUS:
        raise UserError(
            f'SSIM needs images of at least 11 x 11 px, got {w} x {h} (w x h)'
        )
    a, b = ((x.double() + 1) / 2 for x in (image, truth))
    rows, columns = (_gaussian_windows(n).to(a) for n in (h, w))
    mean_a, mean_b, mean_aa, mean_bb, mean_ab = (
        rows @ x @ columns.T for x in (a, b, a * a, b * b, a * b)
    )
    c1, c2 = 0.01**2, 0.03**2
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance, variances = mean_ab - product, mean_aa + mean_bb - squares
    ssim = (2 * product + c1) * (2 * covariance + c2)
    ssim /= (squares + c1) * (variances + c2)
    return float(ssim.mean())


def _gaussian_windows(size: int) -> Tensor:
    """Compute the weights of all windows in ``size`` px, (size - 10, size)."""
    centers = torch.arange(_SSIM_RADIUS, size - _SSIM_RADIUS)[:, None]
    distance = (torch.arange(size) - centers).double()
    weights = torch.exp(-((distance / _SSIM_SIGMA) ** 2) / 2)
    weights[distance.abs() > _SSIM_RADIUS] = 0
    return weights / weights.sum(dim=1, keepdim=True)


def mask_iou(mask: Tensor, truth: Tensor) -> float:
    """Compute the intersection over union of two masks.

    Args:
        mask (Tensor): (1, h, w), 0-1; values of 0.5 and more are inside.
        truth (Tensor): The same.

    Returns:
        float: 0-1; NaN if both are empty.
    """
    a, b = mask >= 0.5, truth >= 0.5
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else float('nan')


def grid_to_px(grid: Tensor) -> Tensor:
    """Convert a sampling grid to px.

    Args:
        grid (Tensor): (2, h, w), x first; -1 and 1 are the centres of the
            first and the last pixel of an image (h, w).

    Returns:
        Tensor: (2, h, w), x first, px.
    """
    h, w = grid.shape[1:]
    last = grid.new_tensor([w - 1, h - 1]).view(2, 1, 1)
    return (grid + 1) / 2 * last


def pixel_positions(like: Tensor) -> Tensor:
    """Return the position of each pixel itself.

    Args:
        like (Tensor): (2, h, w), for size, dtype and device.

    Returns:
        Tensor: (2, h, w), x first, px.
    """
    h, w = like.shape[1:]
    y, x = torch.meshgrid(
        torch.arange(h, device=like.device),
        torch.arange(w, device=like.device),
        indexing='ij',
    )
    return torch.stack([x, y]).to(like)


def end_point_error(flow: Tensor, truth: Tensor) -> float:
    """Compute the mean distance of positions where the truth is not NaN.

    Args:
        flow (Tensor): (2, h, w), px.
        truth (Tensor): (2, h, w), px.

    Returns:
        float: px; NaN if the truth is NaN everywhere.
    """
    distance = torch.linalg.vector_norm(flow - truth, dim=0)
    return float(distance[~truth.isnan().any(dim=0)].mean())
