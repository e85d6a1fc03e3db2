# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluate try-on images in two folders, and state the protocol.

Published numbers of virtual try-on differ more by protocol than by system:
size and resizing of the images, how many there are, paired or unpaired, and
whether the test set overlaps the training set. All of it is part of the
result here.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..errors import UserError, describe
from ..utils.images import find_images, open_image
from ..utils.progress import show_progress
from .fidelity_metric import (
    InceptionFeatures,
    frechet_distance,
    kernel_distance,
    to_grey_levels,
)
from .metric import structural_similarity
from .metric_networks import build_lpips

#: Name -> filter of Pillow. All but ``nearest`` average over what they
#: shrink (antialiasing).
FILTERS = {
    'bicubic': Image.Resampling.BICUBIC,
    'bilinear': Image.Resampling.BILINEAR,
    'area': Image.Resampling.BOX,
    'lanczos': Image.Resampling.LANCZOS,
    'nearest': Image.Resampling.NEAREST,
}
FilterName = Literal['bicubic', 'bilinear', 'area', 'lanczos', 'nearest']
_BATCH = 16


@dataclass(frozen=True)
class Protocol:
    """What try-on numbers depend on, besides the images.

    Attributes:
        paired (bool): Each result is compared with the photograph of its
            name; else the two sets are compared.
        size (tuple[int, int], optional): Both sides are resized to (w, h) px.
            None: results and truth must have one size.
        resize (str): A key of :data:`FILTERS`.
        results (int): Images of results that count.
        truth (int): Photographs that count.
        left_out (int): Photographs that ``clean_split`` leaves out.
    """

    paired: bool
    size: tuple[int, int] | None
    resize: FilterName
    results: int
    truth: int
    left_out: int


@dataclass(frozen=True)
class Networks:
    """Networks of the metrics; without one its metrics are left out.

    Attributes:
        inception (nn.Module, optional): Images (N, 3, h, w) uint8 RGB to
            features (N, D), for FID and KID.
        lpips (nn.Module, optional): Compares images (N, 3, h, w), RGB in
            [-1, 1].
    """

    inception: nn.Module | None = None
    lpips: nn.Module | None = None

    @classmethod
    def load(cls, inception: str | None, lpips: str | None) -> 'Networks':
        """Load the networks from files of weights.

        Args:
            inception (str, optional): Of ``InceptionFeatures``.
            lpips (str, optional): torchvision's AlexNet, for LPIPS.

        Raises:
            UserError: A file is missing or is not what it should be.
        """
        return cls(
            InceptionFeatures(inception).eval() if inception else None,
            build_lpips(lpips).eval() if lpips else None,
        )


def evaluate_folders(
    results: Path,
    truth: Path,
    networks: Networks,
    *,
    paired: bool,
    size: tuple[int, int] | None = None,
    resize: FilterName = 'bicubic',
    training: Path | None = None,
    seed: int = 0,
) -> tuple[dict[str, float], Protocol]:
    """Compare a folder of try-on images with a folder of photographs.

    Args:
        results (Path): Try-on images.
        truth (Path): Photographs; paired, those of the same stems.
        networks (Networks): Of FID, KID and LPIPS.
        paired (bool): Also SSIM, L1 and LPIPS of each pair.
        size (tuple[int, int], optional): Resize all to (w, h) px.
        resize (str): A key of :data:`FILTERS`.
        training (Path, optional): Photographs of the training set; those of
            ``truth`` with the same pixels, and their results, are left out.
        seed (int): Seed of KID's subsets.

    Returns:
        tuple[dict[str, float], Protocol]: ``FID``, ``KID``, ``KID_std``,
        ``SSIM``, ``L1`` (0-1), ``LPIPS``, those that there are networks and
        pairs for; and how they were measured.

    Raises:
        UserError: A folder has no images, no metric is left, names do not
            match, or sizes differ and ``size`` is not given.
    """
    if not paired and networks.inception is None:
        raise UserError(
            'unpaired results have no true image: only FID and KID compare '
            'them, which need the weights of Inception (--inception)'
        )
    found = {path.stem: path for path in find_images(results)}
    photographs = {path.stem: path for path in find_images(truth)}
    seen = _overlap(photographs, training) if training else set()
    photographs = {k: v for k, v in photographs.items() if k not in seen}
    found = {k: v for k, v in found.items() if k not in seen}
    if paired:
        photographs = _pair(found, photographs, results, truth)
    if min(len(found), len(photographs)) < 2:
        raise UserError(
            f'{results} and {truth}: {len(found)} results and '
            f'{len(photographs)} photographs are left, expected 2 or more'
        )
    load = _loader(size, resize)
    metrics: dict[str, float] = {}
    if paired:
        metrics |= _pair_metrics(found, photographs, load, networks.lpips)
    if networks.inception is not None:
        features = [
            _features(list(paths.values()), load, networks.inception)
            for paths in (photographs, found)
        ]
        real, generated = features
        metrics['FID'] = frechet_distance(real, generated)
        metrics['KID'], metrics['KID_std'] = kernel_distance(
            real, generated, seed=seed
        )
    protocol = Protocol(
        paired, size, resize, len(found), len(photographs), len(seen)
    )
    return metrics, protocol


def describe_protocol(protocol: Protocol) -> dict[str, object]:
    """Return a protocol as plain values for JSON."""
    content = asdict(protocol)
    if protocol.size is not None:
        content['size'] = '{} x {} px (w x h)'.format(*protocol.size)
    return content


def _overlap(photographs: dict[str, Path], training: Path) -> set[str]:
    """Return the stems of photographs that the training set has, too."""
    seen = {_fingerprint(path) for path in find_images(training)}
    return {s for s, path in photographs.items() if _fingerprint(path) in seen}


def _fingerprint(path: Path) -> str:
    """Return a hash of an image's pixels, whatever its file's format."""
    image = open_image(path).convert('RGB')
    content = np.asarray(image).tobytes()
    return hashlib.sha256(f'{image.size}'.encode() + content).hexdigest()


def _pair(
    found: dict[str, Path],
    photographs: dict[str, Path],
    results: Path,
    truth: Path,
) -> dict[str, Path]:
    """Return the photograph of each result."""
    if missing := sorted(found.keys() - photographs.keys()):
        raise UserError(
            f'{truth}: no photograph for the results {describe(missing)} of '
            f'{results}; paired images have the same name. Leave --paired '
            'out to compare the two sets'
        )
    return {stem: photographs[stem] for stem in found}


def _loader(
    size: tuple[int, int] | None, resize: FilterName
) -> Callable[[Path], Tensor]:
    """Return a function that reads an image (3, h, w), RGB in [-1, 1]."""
    if resize not in FILTERS:
        raise UserError(
            f'resize must be among {", ".join(FILTERS)}, got {resize!r}'
        )
    first: dict[tuple[int, int], Path] = {}

    def load(path: Path) -> Tensor:
        image = open_image(path).convert('RGB')
        if size is not None:
            image = image.resize(size, FILTERS[resize])
        first.setdefault(image.size, path)
        if len(first) > 1:
            (w, h), one = next(iter(first.items()))
            raise UserError(
                f'{path} has {image.width} x {image.height} px (w x h), {one} '
                f'{w} x {h}; give --size W H to resize all to one size'
            )
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return pixels.float() / 127.5 - 1

    return load


@torch.no_grad()
def _pair_metrics(
    found: dict[str, Path],
    photographs: dict[str, Path],
    load: Callable[[Path], Tensor],
    lpips: nn.Module | None,
) -> dict[str, float]:
    """Return the means of SSIM, L1 and LPIPS over the pairs."""
    rows: list[list[float]] = []
    for stem in show_progress(found, 'comparing pairs', len(found)):
        image, target = load(found[stem]), load(photographs[stem])
        row = [
            structural_similarity(image, target),
            float((image - target).abs().mean() / 2),
        ]
        if lpips is not None:
            row.append(float(lpips(image[None], target[None])))
        rows.append(row)
    means = np.mean(rows, axis=0).tolist()
    return dict(zip(('SSIM', 'L1', 'LPIPS'), means, strict=False))


@torch.no_grad()
def _features(
    paths: Collection[Path],
    load: Callable[[Path], Tensor],
    inception: nn.Module,
) -> Tensor:
    """Return the features (N, D) of images."""
    parts: list[Tensor] = []
    batch: list[Tensor] = []
    for path in show_progress(paths, 'features', len(paths)):
        batch.append(load(path))
        if len(parts) * _BATCH + len(batch) == len(paths) or (
            len(batch) == _BATCH
        ):
            parts.append(inception(to_grey_levels(torch.stack(batch))).float())
            batch = []
    return torch.cat(parts)
