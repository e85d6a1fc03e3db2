# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of try-on pairs that are rendered from photographs, with the truth.

``python -m mmfashion_ext.synthetic tryon-photos`` writes the cache.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from mmengine.dataset import BaseDataset

from ..errors import UserError
from ..formats.viton.garment_classes import GarmentClass, check_class
from ..registry import DATASETS, TRANSFORMS
from ..synthetic.tryon_photos.flat_garment import CLASSES
from ..synthetic.tryon_photos.people import Split
from ..synthetic.tryon_photos.rendering import (
    PairKind,
    RenderedPair,
    has_inverse,
)
from ..synthetic.tryon_photos.store import PairStore
from .worker_generator import WorkerGenerator


@DATASETS.register_module()
class TryOnPhotoPairs(BaseDataset):
    """Dataset of pairs made of photographs, whose target and flow are known.

    Keys of a sample before the pipeline, all images of one size (h, w):

    - ``person``, ``cloth``, ``truth``: (h, w, 3) uint8 RGB, the input, the
      garment laid flat, and the person in that garment;
    - ``cloth_mask``: (h, w) uint8, 0 or 255;
    - ``flow``: (h, w, 2) float32, where a pixel of ``truth`` lies on
      ``cloth``, x and y in px, NaN where the garment is not visible;
    - ``garment_region``, ``loss_mask``, ``kept``: (h, w) uint8, 0 or 255,
      where ``truth`` shows the garment, where it counts in a loss, and where
      it is ``person``;
    - ``cloth_class``: ``'upper_body'``, ``'lower_body'`` or ``'dresses'``;
      ``pair_kind``: ``'inverse'`` (the truth is the photograph) or
      ``'composite'``;
      ``person_name``, ``cloth_name``.

    In training crop, mirroring and colours vary with every access, by a
    generator of each worker and epoch that the run's seed determines. In
    tests nothing varies.

    Args:
        data_root (str): Folder of the cache.
        split (str): ``'train'`` or ``'validation'``.
        kind (str): ``'inverse'``, ``'composite'``, or ``'mixed'``: both, drawn
            at each access in training, one after the other in tests.
        composite_share (float): Share of composites in mixed training.
        classes (Sequence[str], optional): Garments to use, among
            ``'upper_body'``, ``'lower_body'`` and ``'dresses'``. None: all.
        size (tuple[int, int]): (h, w) px of the images.
        people (str, optional): Copy of CCP. None: as the cache says.
        garments (str, optional): Photographs of garments. None: as the cache
            says.
        pipeline (Sequence): Transforms of a sample.
        **kwargs: Further arguments of MMEngine's ``BaseDataset``.

    Raises:
        UserError: An argument has another value, the cache or photographs
            are missing, or no pair is left.
    """

    def __init__(
        self,
        data_root: str,
        split: Split = 'train',
        kind: Literal['inverse', 'composite', 'mixed'] = 'mixed',
        composite_share: float = 0.3,
        classes: Sequence[GarmentClass] | None = None,
        size: tuple[int, int] = (256, 192),
        people: str | None = None,
        garments: str | None = None,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        for name, value, allowed in (
            ('split', split, ('train', 'validation')),
            ('kind', kind, ('inverse', 'composite', 'mixed')),
        ):
            if value not in allowed:
                raise UserError(
                    f'{name} must be one of {", ".join(allowed)}, got '
                    f'{value!r}'
                )
        self.split: Split = split
        self.kind = kind
        self.composite_share = composite_share
        self.classes = (
            None if classes is None else [*map(check_class, classes)]
        )
        self.size = (int(size[0]), int(size[1]))
        self.store = PairStore(data_root, split, people, garments)
        self._generator = WorkerGenerator()
        kwargs.setdefault('test_mode', split != 'train')
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """List the pairs.

        Returns:
            list[dict]: ``pair_index``, ``pair_kind`` (``'drawn'`` where it is
            drawn at each access), ``cloth_class`` and names.

        Raises:
            UserError: No pair is left.
        """
        self._metainfo.update(dataset='tryon-photos', split=self.split)
        drawn = self.kind == 'mixed' and not self.test_mode
        samples: list[tuple[int, str]]
        if drawn:
            samples = [(index, 'drawn') for index in range(len(self.store))]
        else:
            kind: PairKind | None = None if self.kind == 'mixed' else self.kind
            samples = self.store.samples(kind)
        found = [
            {
                'pair_index': index,
                'pair_kind': kind,
                'cloth_class': CLASSES[self.store.pairs[index].kind],
                'person_name': f'{self.store.pairs[index].person}.jpg',
                'cloth_name': self._cloth_name(index, kind),
            }
            for index, kind in samples
        ]
        if self.classes is not None:
            found = [s for s in found if s['cloth_class'] in self.classes]
        if not found:
            raise UserError(
                f'{self.data_root} has no pairs of kind {self.kind!r} and '
                f'classes {self.classes}; generate more pairs'
            )
        return found

    def _cloth_name(self, index: int, kind: str) -> str:
        pair = self.store.pairs[index]
        if kind == 'inverse':
            return f'{pair.person}_{pair.kind}.jpg'
        return pair.worn.garment

    def get_data_info(self, idx: int) -> dict:
        """Return the keys of a sample before its pipeline, see the class."""
        info = super().get_data_info(idx)
        rng = None if self.test_mode else self._generator()
        kind, index = info['pair_kind'], info['pair_index']
        if kind == 'drawn':
            if rng is None:
                raise RuntimeError('kinds are drawn in training only')
            inverse = has_inverse(self.store.pairs[index])
            draw = rng.random() >= self.composite_share
            info['pair_kind'] = kind = (
                'inverse' if inverse and draw else 'composite'
            )
            info['cloth_name'] = self._cloth_name(index, kind)
        rendered = self.store.render(index, kind, self.size, rng)
        return info | to_item(rendered)


def to_item(rendered: RenderedPair) -> dict[str, np.ndarray]:
    """Return a rendered pair as arrays of a try-on item.

    Args:
        rendered (RenderedPair): BGR images and bool masks, (h, w).

    Returns:
        dict[str, np.ndarray]: RGB images (h, w, 3) uint8, masks (h, w) uint8,
        0 or 255, and ``flow`` (h, w, 2) float32.
    """
    item = dict(vars(rendered))
    for name, array in item.items():
        if array.dtype == bool:
            item[name] = array * np.uint8(255)
        elif array.ndim == 3 and array.shape[2] == 3:
            item[name] = np.ascontiguousarray(array[..., ::-1])
    return item


@TRANSFORMS.register_module()
class AddTruthMaps:
    """Add the maps of :class:`TryOnPhotoPairs` to items of generated people.

    So that both can be in one batch. Required keys: ``person``, ``truth``
    (h, w, 3) uint8 and ``flow`` (h, w, 2). Added: ``garment_region``,
    ``loss_mask`` and ``kept``, (h, w) uint8, 0 or 255.

    Args:
        tolerance (int): Largest difference of a channel, 0-255, of pixels
            that are the same: files of generated people are JPEG.
    """

    def __init__(self, tolerance: int = 12) -> None:
        self.tolerance = tolerance

    def __call__(self, results: dict) -> dict:
        """Add the three maps, (h, w)."""
        visible = np.isfinite(results['flow']).all(axis=2)
        difference = np.abs(
            results['person'].astype(int) - results['truth'].astype(int)
        )
        same = (difference.max(axis=2) <= self.tolerance) & ~visible
        results['garment_region'] = visible * np.uint8(255)
        results['loss_mask'] = np.full(visible.shape, 255, np.uint8)
        results['kept'] = same * np.uint8(255)
        return results
