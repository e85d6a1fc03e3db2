# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on transforms: load, resize, draw the pose, pack.

Between them an item holds arrays:

- ``person``, ``cloth``, ``unpaired_cloth``: (h, w, 3) uint8 RGB;
- ``cloth_mask``, ``unpaired_cloth_mask``: (h, w) uint8, 0 ... 255;
- ``parse``: (h, w) uint8, labels 0 ... 13;
- ``densepose``: (h, w) uint8, parts 0 ... 24;
- ``pose``: (18, 3) float32, x and y in px, confidence;
- ``flow``: (h, w, 2) float32, where a pixel of the person lies on the flat
  cloth, x and y in px, NaN where the cloth is not visible;
- ``truth``: (h, w, 3) uint8 RGB, the person in that cloth; with it optional
  maps (h, w) uint8, 0 or 255: ``garment_region``, where it shows the cloth
  (the flow may not be known everywhere there); ``loss_mask``, where it counts
  in a loss; ``kept``, where it is the person's image itself.

The models need ``person``, ``cloth`` and ``cloth_mask``.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..formats.viton.files import check_size, read_file
from ..formats.viton.garment_classes import GARMENT_CLASSES
from ..formats.viton.layout import FileKind
from ..registry import TRANSFORMS
from .inference.loading import check_one_size, read_cloth, resize
from .pose_map import draw_pose
from .structures import TryOnDataSample

_CLOTHES = ('cloth', 'unpaired_cloth')
#: Maps and images of the person's size.
_OF_PERSON: tuple[FileKind, ...] = ('parse', 'densepose', 'flow', 'truth')
#: Maps of labels, which are resized and moved by the nearest pixel.
LABEL_MAPS = 'parse', 'true_parse', 'densepose'
#: Maps that come with the truth, 0 or 255.
TRUTH_MAPS = 'garment_region', 'loss_mask', 'kept'
_BY_PIXEL = (
    'person',
    'true_parse',
    *_OF_PERSON,
    *TRUTH_MAPS,
    *_CLOTHES,
    *(f'{cloth}_mask' for cloth in _CLOTHES),
)


@TRANSFORMS.register_module()
class LoadTryOn:
    """Load the images, masks and annotations of a try-on item.

    Required keys: ``person_path`` or ``cloth_path``. Optional:
    ``cloth_mask_path``, ``parse_path``, ``parse_labels`` and ``cloth_class``
    (see :func:`~mmfashion_ext.formats.viton.files.map_labels`),
    ``densepose_path``,
    ``pose_path``, ``flow_path``, ``truth_path``, ``unpaired_cloth_path``,
    ``unpaired_cloth_mask_path``. Added: their contents, see the module.

    Images and masks may be given in any form that
    :func:`~mmfashion_ext.utils.images.read_image` reads, such as a BGR array
    (h, w, 3), so that the same pipeline serves images in memory. A mask
    without path is made, see
    :func:`~mmfashion_ext.formats.viton.cloth_mask.make_mask`.
    """

    def __call__(self, results: dict) -> dict:
        """Load the files.

        Raises:
            UserError: A file is missing or damaged, a mask is empty or cannot
                be made, or a parse map, DensePose, flow or mask differs in
                size from its image.
        """
        labels = results.get('parse_labels', 'viton')
        cloth_class = results.get('cloth_class', 'upper_body')
        of_person: tuple[FileKind, ...] = ('person', 'pose', *_OF_PERSON)
        for kind in of_person:
            source = results.get(f'{kind}_path')
            if source is not None:
                person = results.get('person')
                size = None if person is None else person.shape[:2]
                results[kind] = read_file(
                    kind, source, labels, cloth_class, size
                )
        for kind in _OF_PERSON:
            _check_size(results, kind, 'person')
        for cloth in _CLOTHES:
            if results.get(f'{cloth}_path') is not None:
                self._load_cloth(results, cloth)
        return results

    def _load_cloth(self, results: dict, cloth: str) -> None:
        results[cloth], results[f'{cloth}_mask'] = read_cloth(
            results[f'{cloth}_path'], results.get(f'{cloth}_mask_path')
        )


def _check_size(results: dict, kind: str, image: str) -> None:
    if kind in results:
        check_size(
            results.get(f'{kind}_path'),
            results[kind],
            results[f'{image}_path'],
            results[image],
        )


@TRANSFORMS.register_module()
class ResizeTryOn:
    """Resize all images, masks, label maps, joints and flow of an item.

    Images and masks are resized with Pillow's bilinear filter (antialiased
    when they shrink), label maps with the nearest pixel. Joints and flow move
    with the centres of their pixels, x to (x + 0.5) s - 0.5; a joint that was
    not found stays so.

    Args:
        size (tuple[int, int]): (h, w) in px.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.height, self.width = size

    def __call__(self, results: dict) -> dict:
        """Resize what differs from the size."""
        size = self.width, self.height
        if 'pose' in results:
            h, w = results['person'].shape[:2]
            scale = self.width / w, self.height / h
            results['pose'] = _scale_pose(results['pose'], scale)
        if 'flow' in results:
            h, w = results['cloth'].shape[:2]
            factors = np.array([self.width / w, self.height / h], np.float32)
            results['flow'] = _centres(
                _resize_flow(results['flow'], size), factors
            )
        for kind in _BY_PIXEL:
            if kind in results and kind != 'flow':
                results[kind] = resize(
                    results[kind],
                    (self.height, self.width),
                    kind in LABEL_MAPS,
                )
        return results


def _centres(points: np.ndarray, scale: np.ndarray | tuple) -> np.ndarray:
    """Scale positions whose 0 is the centre of the first pixel."""
    return (points + 0.5) * scale - 0.5


def _scale_pose(pose: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Scale joints; those not found become 0, those found stay above 1."""
    found = (pose[:, :2] > 1).all(axis=1, keepdims=True)
    scaled = pose.copy()
    above_1 = np.nextafter(np.float32(1), np.float32(2))
    points = np.maximum(_centres(pose[:, :2], scale), above_1)
    scaled[:, :2] = np.where(found, points, 0)
    return scaled


def _resize_flow(flow: np.ndarray, size: tuple) -> np.ndarray:
    # a mean over many pixels would lose the rim of the cloth to NaN
    return cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR)


@TRANSFORMS.register_module()
class DrawPose:
    """Render joints as maps of squares.

    See :func:`~mmfashion_ext.tryon.pose_map.draw_pose`.

    Required keys: ``pose``, ``person``. Added: ``pose_map`` (18, h, w) int8.

    Args:
        radius (float): Half of a square's side in px; 5 is published, for
            images of 256 x 192 px.
    """

    def __init__(self, radius: float = 5) -> None:
        self.radius = radius

    def __call__(self, results: dict) -> dict:
        """Add the maps, (18, h, w)."""
        size = results['person'].shape[:2]
        results['pose_map'] = draw_pose(results['pose'], size, self.radius)
        return results


@TRANSFORMS.register_module()
class PackTryOn:
    """Pack an item as input of the model.

    Returns ``inputs``, a dict of (C, h, w) tensors of what the item has:
    ``person``, ``truth``, ``cloth``, ``unpaired_cloth`` (C = 3),
    ``cloth_mask``, ``unpaired_cloth_mask``, ``parse``, ``true_parse`` (before
    :class:`CorruptParse`), ``densepose``, ``garment_region``, ``loss_mask``,
    ``kept`` (1), uint8; ``pose_map`` (18) int8; ``flow`` (2) float32; with
    ``parse`` also ``cloth_class``, () long, the index of the item's class in
    ``GARMENT_CLASSES``; and ``data_samples``, a ``TryOnDataSample`` with
    ``person_name``, ``cloth_name``, ``ori_shape`` (h, w), and ``cloth_class``
    and ``pair_kind`` if the item has them.
    """

    def __call__(self, results: dict) -> dict:
        """Pack arrays to tensors.

        Raises:
            UserError: Person and clothes differ in size.
        """
        kinds = [kind for kind in _BY_PIXEL if kind in results]
        check_one_size(results, kinds)
        inputs = {kind: to_tensor(results[kind]) for kind in kinds}
        if 'pose_map' in results:
            inputs['pose_map'] = torch.from_numpy(results['pose_map'])
        if 'parse' in results and 'cloth_class' in results:
            inputs['cloth_class'] = torch.tensor(
                GARMENT_CLASSES.index(results['cloth_class'])
            )
        sample = TryOnDataSample(
            metainfo={
                'person_name': self._name(results, 'person'),
                'cloth_name': self._name(results, 'cloth'),
                'ori_shape': tuple(results['person'].shape[:2]),
                **{
                    key: results[key]
                    for key in ('cloth_class', 'pair_kind')
                    if key in results
                },
            }
        )
        return {'inputs': inputs, 'data_samples': sample}

    @staticmethod
    def _name(results: dict, kind: str) -> str:
        """Return the file name; of an array ``'person'`` or ``'cloth'``."""
        source = results.get(f'{kind}_path', kind)
        named = source if isinstance(source, str | Path) else kind
        return results.get(f'{kind}_name', Path(named).name)


def to_tensor(array: np.ndarray) -> Tensor:
    """Convert an image (h, w[, C]) to a tensor (C, h, w)."""
    if array.ndim == 2:
        array = array[:, :, None]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
