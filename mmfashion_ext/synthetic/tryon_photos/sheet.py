# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of try-on pairs that are rendered from a cache.

It shows people of CCP: look at it, but do not publish it.
"""

from pathlib import Path

import cv2
import numpy as np

from ...utils.image_grid import write_sheet
from ..output import check_sheet, one_thread
from .rendering import PairKind, RenderedPair
from .store import PairStore

TITLES = ('input', 'garment', 'target', 'warped by the flow', 'loss, kept')
_GREY = 127


def pair_images(rendered: RenderedPair) -> list[np.ndarray]:
    """Return the images of ``TITLES`` of a pair, each (h, w, 3) BGR uint8.

    In the last one red is outside the loss, and the kept photograph is pale.
    """
    cloth = rendered.cloth.copy()
    cloth[~rendered.cloth_mask] = 235
    at = np.nan_to_num(rendered.flow, nan=-9).astype(np.float32)
    warped = cv2.remap(
        rendered.cloth,
        at,
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    warped[np.isnan(rendered.flow[..., 0])] = _GREY
    masks = rendered.truth.copy()
    masks[rendered.kept] = masks[rendered.kept] // 3 + 160
    masks[~rendered.loss_mask] = (0, 0, 220)
    return [rendered.person, cloth, rendered.truth, warped, masks]


def contact_sheet(
    cache: str | Path,
    out: str | Path,
    *,
    kind: PairKind | None = None,
    num: int = 24,
    columns: int = 2,
    size: tuple[int, int] = (256, 192),
    seed: int = 0,
) -> None:
    """Draw input, garment, target, warped garment and masks of pairs.

    Args:
        cache (str or Path): What ``generate_tryon_photos`` wrote.
        out (str or Path): Image file to write; its ending chooses the format.
        kind (str, optional): ``'inverse'`` or ``'composite'``. None: both of
            each pair. Defaults to None.
        num (int): Number of samples. Defaults to 24.
        columns (int): Samples a row. Defaults to 2.
        size (tuple[int, int]): (h, w) px of each image.
        seed (int): Of crops, mirroring and colours. Defaults to 0.

    Raises:
        UserError: ``out`` cannot be written, or the cache has no pairs.
    """
    check_sheet(Path(out))
    store = PairStore(cache)
    images, labels = [], []
    with one_thread():
        for index, sample_kind in store.samples(kind)[:num]:
            rng = np.random.default_rng([seed, index])
            rendered = store.render(index, sample_kind, size, rng)
            images += pair_images(rendered)
            pair = store.pairs[index]
            labels += [f'{index} {sample_kind}', pair.kind, pair.person, '']
            labels.append(f'uncovered {pair.quality["uncovered"]:.2f}')
    write_sheet(
        images,
        out,
        columns=columns * len(TITLES),
        cell=size[::-1],
        labels=labels,
        column_titles=TITLES * columns,
    )
