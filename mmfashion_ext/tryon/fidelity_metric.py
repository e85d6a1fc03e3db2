# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""FID and KID of unpaired try-ons: distance to the set of photographs."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import UserError
from ..registry import METRICS, MODELS
from ..utils.checkpoint import CheckpointError, assert_safe
from ..utils.files import atomic_write
from .metric import rows_by_class
from .metric_networks import require_file, require_torchmetrics

#: torch-fidelity's conversion of the original weights in TensorFlow.
INCEPTION_URL = (
    'https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/'
    'weights-inception-2015-12-05-6726825d.pth'
)


class InceptionFeatures(nn.Module):
    """Inception v3 with the 2048 features that FID and KID are defined on.

    torch-fidelity's network, which resizes and normalises images (N, 3, h, w)
    uint8 RGB as the original in TensorFlow does; features are (N, 2048).

    Args:
        checkpoint (str): Its weights, see ``INCEPTION_URL``.

    Raises:
        UserError: The file, or torch-fidelity, is missing.
        CheckpointError: The file has other weights.
    """

    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import (
                FeatureExtractorInceptionV3,
            )
        except ImportError as error:
            raise UserError(
                f'FID and KID need torch-fidelity, which is not installed '
                f"({error}). Run: pip install 'mmfashion_ext[tryon]'"
            ) from None
        path = require_file('FID and KID', checkpoint, INCEPTION_URL)
        assert_safe(path)  # torch-fidelity unpickles any object
        try:
            self.network = FeatureExtractorInceptionV3(
                'inception-v3-compat', ['2048'], str(path)
            )
        except (RuntimeError, AttributeError, TypeError) as error:
            raise CheckpointError(
                f'{checkpoint}: not the Inception weights for FID and KID '
                f'({str(error).splitlines()[0]}). Get {INCEPTION_URL}'
            ) from None

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, h, w) uint8 RGB to features (N, 2048)."""
        return self.network(images)[0]


@METRICS.register_module()
class FidelityMetric(BaseMetric):
    """FID and KID between the try-ons and the photographs of a test.

    For unpaired tests, in which the true image is not known. Both sets are of
    the tested samples, rounded to grey levels. Network and resizing are
    torch-fidelity's; tools that resize in another way give other numbers.

    - ``FID``: squared Frechet distance of Gaussians fitted to the features:
      ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. It needs thousands of
      images; with few it is biased upwards.
    - ``KID``: squared maximum mean discrepancy under the kernel
      ``(x.y / D + 1)^3``, D features: mean over random subsets, and
      ``KID_std``, its standard deviation over them. Few images hardly bias
      it.

    Only features are stored, 2 x D numbers a sample (16 KiB with Inception).
    If the samples are of several garment classes, all are also reported for
    each class of two samples or more, ``dresses/FID``.

    Args:
        checkpoint (str, optional): Weights of :class:`InceptionFeatures`.
        features (dict | nn.Module, optional): Another network, from images
            (N, 3, h, w), uint8 RGB, to features (N, D).
        fid (bool): Whether to report FID.
        kid (bool): Whether to report KID.
        subsets (int): Number of KID's subsets.
        subset_size (int): Images of a subset; at most all.
        seed (int): Seed of the subsets.
        outfile_prefix (str, optional): Write the features ``person`` and
            ``try_on`` (N, D) to ``{prefix}.fidelity.npz``.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            ``BaseMetric``.

    Raises:
        UserError: Both or neither of ``checkpoint`` and ``features`` are
            given, or files or packages are missing.
    """

    default_prefix = ''  # None would warn

    def __init__(
        self,
        checkpoint: str | None = None,
        features: dict | nn.Module | None = None,
        fid: bool = True,
        kid: bool = True,
        subsets: int = 100,
        subset_size: int = 1000,
        seed: int = 0,
        outfile_prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (checkpoint is None) == (features is None):
            raise UserError(
                'FidelityMetric: pass checkpoint, the Inception weights for '
                'FID and KID, or features, another network; not both'
            )
        require_torchmetrics('FID and KID')
        network: nn.Module
        if checkpoint is not None:
            network = InceptionFeatures(checkpoint)
        elif isinstance(features, nn.Module):
            network = features
        else:
            network = MODELS.build(features)
        self.features = network.eval()
        self.fid = fid
        self.kid = kid
        self.subsets = subsets
        self.subset_size = subset_size
        self.seed = seed
        self.outfile_prefix = outfile_prefix

    @torch.no_grad()
    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Compute and store the features of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``TryOnDataSample`` as dicts, with
                ``try_on`` and ``person``, (3, h, w), RGB in [-1, 1].
        """
        both = []
        for name in ('person', 'try_on'):
            images = torch.stack([sample[name] for sample in data_samples])
            self.features.to(images.device)
            both.append(self.features(to_grey_levels(images)).float().cpu())
        classes = [sample.get('cloth_class', '') for sample in data_samples]
        self.results.extend(
            zip(*(part.numpy() for part in both), classes, strict=True)
        )

    def compute_metrics(
        self, results: list[tuple[np.ndarray, np.ndarray, str]]
    ) -> dict[str, float]:
        """Compare the sets, and write the features.

        Args:
            results (list): Features (D,) of ``person`` and ``try_on``, and
                the garment's class, of each sample, of all processes.

        Returns:
            dict[str, float]: ``FID``, ``KID`` and ``KID_std``, as selected;
            of several classes also ``CLASS/FID`` ...

        Raises:
            UserError: There are fewer than two samples.
        """
        if len(results) < 2:
            raise UserError(
                f'FID and KID compare sets of images, at least 2, got '
                f'{len(results)}'
            )
        columns = [*zip(*results, strict=True)]
        real, generated = (np.stack(part) for part in columns[:2])
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.fidelity.npz'
            with atomic_write(path) as partial, partial.open('wb') as file:
                np.savez_compressed(file, person=real, try_on=generated)
            print_log(f'Wrote {path}', logger='current')
        metrics = self._compare(real, generated)
        for name, rows in rows_by_class(columns[2]).items():
            if len(rows) > 1:
                of_class = self._compare(real[rows], generated[rows])
                metrics.update({f'{name}/{k}': v for k, v in of_class.items()})
        return metrics

    def _compare(
        self, real: np.ndarray, generated: np.ndarray
    ) -> dict[str, float]:
        """Return the metrics of features (N, D) of both sets."""
        both = torch.from_numpy(real), torch.from_numpy(generated)
        metrics = {}
        if self.fid:
            metrics['FID'] = frechet_distance(*both)
        if self.kid:
            metrics['KID'], metrics['KID_std'] = kernel_distance(
                *both, self.subsets, self.subset_size, self.seed
            )
        return metrics


def to_grey_levels(images: Tensor) -> Tensor:
    """Round images in [-1, 1] to uint8, 0-255; photographs are restored.

    Args:
        images (Tensor): (N, 3, h, w), RGB in [-1, 1].
    """
    unit = (images.float().clamp(-1, 1) + 1) / 2
    return (unit * 255).round().to(torch.uint8)


def _identity(dim: int) -> nn.Module:
    """Build an identity for torchmetrics, for features of ``dim`` numbers."""
    network = nn.Identity()
    network.num_features = dim
    return network


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Compute the FID of features (N, D) and (M, D)."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    # no sync: the other processes do not call this
    distance = FrechetInceptionDistance(
        _identity(real.shape[1]), sync_on_compute=False
    )
    distance.update(real.double(), real=True)
    distance.update(generated.double(), real=False)
    return float(distance.compute())


def kernel_distance(
    real: Tensor,
    generated: Tensor,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the KID of features (N, D) and (M, D).

    Args:
        real (Tensor): (N, D).
        generated (Tensor): (M, D).
        subsets (int): Number of random subsets.
        subset_size (int): Samples of a subset; at most N and M.
        seed (int): Seed of the subsets.

    Returns:
        tuple[float, float]: Mean and standard deviation over the subsets.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that it stores all features
        distance = KernelInceptionDistance(
            _identity(real.shape[1]),
            subsets=subsets,
            subset_size=min(subset_size, len(real), len(generated)),
            sync_on_compute=False,
        )
    distance.update(real.double(), real=True)
    distance.update(generated.double(), real=False)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        mean, std = distance.compute()
    return float(mean), float(std)
