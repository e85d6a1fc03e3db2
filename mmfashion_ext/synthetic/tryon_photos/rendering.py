# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rendering of a cached pair: person, garment, target, true flow and masks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from ...errors import UserError
from . import FLAT_SIZE
from .cache import PhotoPair, StoredFit
from .composite import Composite, composite
from .flat_garment import FlatGarment, scale_points
from .framing import Frame, choose_frame
from .garment_mesh import (
    GarmentMesh,
    mesh_over,
    rasterise_inverse,
    rasterise_map,
)
from .input_zone import enlarge_region
from .people import Person
from .sampling import sample_mask
from .shading import Shading, estimate_shading
from .unwarp import LEAST_KNOWN, unwarp_garment
from .worn_region import WornRegion

PairKind = Literal['inverse', 'composite']
_HUE_SHARE = 0.4  # of garments whose colour is changed


@dataclass(frozen=True)
class RenderedPair:
    """Images of one try-on pair, all (h, w).

    Attributes:
        person (np.ndarray): (h, w, 3) BGR uint8, the input.
        cloth (np.ndarray): (h, w, 3) BGR uint8, the garment laid flat.
        cloth_mask (np.ndarray): (h, w) bool.
        truth (np.ndarray): (h, w, 3) BGR uint8, the person in the garment.
        flow (np.ndarray): (h, w, 2) float32, where a pixel of ``truth`` lies
            on ``cloth``, x, y px, NaN where the garment is not visible or the
            flow is not known.
        garment_region (np.ndarray): (h, w) bool, where ``truth`` shows the
            garment.
        loss_mask (np.ndarray): (h, w) bool, where ``truth`` is true.
        kept (np.ndarray): (h, w) bool, where ``truth`` is ``person``.
    """

    person: np.ndarray
    cloth: np.ndarray
    cloth_mask: np.ndarray
    truth: np.ndarray
    flow: np.ndarray
    garment_region: np.ndarray
    loss_mask: np.ndarray
    kept: np.ndarray


class PairRenderer:
    """Renders the pairs of one person.

    Args:
        person (Person): Photograph and labels.
        region (WornRegion): The worn garment.
        frame (Frame): The crop.
    """

    def __init__(
        self, person: Person, region: WornRegion, frame: Frame
    ) -> None:
        self.region = region
        self.frame = frame
        self.photo = frame.crop(person.photo, person.scale)
        self.worn = frame.crop_mask(region.mask)
        self.in_front = frame.crop_mask(
            (region.person & ~region.mask) & ~region.tucked
        )

    def put_on(
        self,
        fit: StoredFit,
        garment: FlatGarment,
        flat: np.ndarray,
        zone: np.ndarray,
        shading: np.ndarray,
    ) -> Composite:
        """Render the person in a garment; ``flat`` is in the flat frame."""
        vertices = self.frame.move(fit.vertices)
        mesh = mesh_of(fit, garment)
        flow = rasterise_map(mesh, vertices, self.photo.shape[:2])
        in_front = self.in_front & ~zone
        mask = garment.mask()
        return composite(self.photo, zone, in_front, flow, flat, mask, shading)


def render_pair(
    pair: PhotoPair,
    kind: PairKind,
    person: Person,
    region: WornRegion,
    read_flat: Callable[[str], tuple[FlatGarment, np.ndarray]],
    size: tuple[int, int] = (256, 192),
    rng: np.random.Generator | None = None,
) -> RenderedPair:
    """Render a pair.

    Args:
        pair (PhotoPair): From the cache.
        kind (str): ``'inverse'`` or ``'composite'``.
        person (Person): Its photograph and labels.
        region (WornRegion): The worn garment of its kind.
        read_flat (Callable): Name -> the flat garment and its photograph
            (h, w, 3) BGR uint8.
        size (tuple[int, int]): (h, w) px of all images.
        rng (np.random.Generator, optional): Varies crop, mirroring and
            colours. None: no variation.

    Returns:
        RenderedPair: The images.
    """
    frame = choose_frame(region, size, rng)
    renderer = PairRenderer(person, region, frame)
    render = _render_composite if kind == 'composite' else _render_inverse
    made = render(pair, renderer, read_flat, rng)
    return _mirror_cloth(made) if frame.mirrored else made


def _mirror_cloth(made: RenderedPair) -> RenderedPair:
    """Mirror the garment of a mirrored person, so that prints are not turned.

    A network would have to guess otherwise whether it must mirror a garment.
    """
    flow = made.flow.copy()
    flow[..., 0] = made.flow.shape[1] - 1 - flow[..., 0]
    return replace(
        made,
        cloth=np.ascontiguousarray(made.cloth[:, ::-1]),
        cloth_mask=np.ascontiguousarray(made.cloth_mask[:, ::-1]),
        flow=flow,
    )


def has_inverse(pair: PhotoPair) -> bool:
    """Return whether enough of the worn garment is seen to lay it flat."""
    return pair.known >= LEAST_KNOWN


def _flat_image(
    fit: StoredFit,
    read_flat: Callable[[str], tuple[FlatGarment, np.ndarray]],
    rng: np.random.Generator | None,
) -> tuple[FlatGarment, np.ndarray]:
    garment, photo = read_flat(fit.garment)
    flat = garment.cut_out(photo)
    if rng is not None and rng.random() < _HUE_SHARE:
        flat = shift_colours(flat, rng)
    return garment, flat


def shift_colours(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn the hue and change the saturation of a garment.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        rng (np.random.Generator): Draws the changes.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int32)
    hsv[..., 0] = (hsv[..., 0] + int(rng.integers(180))) % 180
    gain = rng.uniform(0.6, 1.3)
    hsv[..., 1] = np.clip(hsv[..., 1] * gain, 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)


def _resize_flat(
    image: np.ndarray, mask: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Resize a flat garment and its mask to (h, w)."""
    if image.shape[:2] == size:
        return image, mask
    image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    soft = cv2.resize(mask.astype(np.float32), size[::-1])
    return image, soft > 0.5


def _scaled_flow(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Convert positions on the flat frame to those on an image (h, w)."""
    return scale_points(flow, FLAT_SIZE, size[::-1]).astype(np.float32)


def _render_composite(
    pair: PhotoPair,
    renderer: PairRenderer,
    read_flat: Callable[[str], tuple[FlatGarment, np.ndarray]],
    rng: np.random.Generator | None,
) -> RenderedPair:
    garment, flat = _flat_image(pair.worn, read_flat, rng)
    shading = estimate_shading(renderer.photo, renderer.worn)
    made = renderer.put_on(
        pair.worn, garment, flat, renderer.worn, shading.full
    )
    size = renderer.frame.size
    cloth, mask = _resize_flat(flat, garment.mask(), size)
    visible = np.isfinite(made.flow[..., 0])
    return RenderedPair(
        person=renderer.photo,
        cloth=cloth,
        cloth_mask=mask,
        truth=made.image,
        flow=_scaled_flow(made.flow, size),
        garment_region=visible | made.filled,
        loss_mask=~made.filled,
        kept=~made.changed,
    )


def _render_inverse(
    pair: PhotoPair,
    renderer: PairRenderer,
    read_flat: Callable[[str], tuple[FlatGarment, np.ndarray]],
    rng: np.random.Generator | None,
) -> RenderedPair:
    shading = estimate_shading(renderer.photo, renderer.worn)
    garment, _ = read_flat(pair.worn.garment)
    mask = garment.mask()
    mesh, size = mesh_of(pair.worn, garment), renderer.frame.size
    vertices = renderer.frame.move(pair.worn.vertices)
    unwarped = unwarp_garment(
        renderer.photo,
        renderer.worn,
        shading.smooth,
        rasterise_inverse(mesh, vertices),
        mask,
    )
    flow = rasterise_map(mesh, vertices, size)
    lies = sample_mask(mask, flow) > 0.5
    flow = np.where((lies & renderer.worn)[..., None], flow, np.nan)
    made = _input(pair, renderer, read_flat, shading, rng)
    cloth, cloth_mask = _resize_flat(unwarped.image, mask, size)
    return RenderedPair(
        person=made.image,
        cloth=cloth,
        cloth_mask=cloth_mask,
        truth=renderer.photo,
        flow=_scaled_flow(flow, size),
        garment_region=renderer.worn,
        loss_mask=np.ones(size, bool),
        kept=~made.changed,
    )


def _input(
    pair: PhotoPair,
    renderer: PairRenderer,
    read_flat: Callable[[str], tuple[FlatGarment, np.ndarray]],
    shading: Shading,
    rng: np.random.Generator | None,
) -> Composite:
    """Render the person in the other garment, over the larger zone."""
    fit, zone = pair.worn, renderer.worn
    if pair.other is not None:
        fit = pair.other
        larger = enlarge_region(renderer.region, pair.reach, pair.hem)
        zone = renderer.frame.crop_mask(larger.mask) | renderer.worn
    garment, flat = _flat_image(fit, read_flat, rng)
    return renderer.put_on(fit, garment, flat, zone, shading.full)


def mesh_of(fit: StoredFit, garment: FlatGarment) -> GarmentMesh:
    """Return the mesh of a garment that a stored fit moves.

    Raises:
        UserError: It has another number of vertices.
    """
    mesh = mesh_over(garment.outline)
    if len(mesh.rest) != len(fit.vertices):
        raise UserError(
            f'{fit.garment}: its mesh has {len(mesh.rest)} vertices, but the '
            f'cache {len(fit.vertices)}; generate the cache again'
        )
    return mesh


def known_share(
    mesh: GarmentMesh,
    vertices: np.ndarray,
    mask: np.ndarray,
    worn: np.ndarray,
) -> float:
    """Return the share of a garment that is seen or mirrored.

    Args:
        mesh (GarmentMesh): Its mesh.
        vertices (np.ndarray): (V, 2) px of the photo frame.
        mask (np.ndarray): (H, W) bool of the flat garment.
        worn (np.ndarray): (h, w) bool, the region, photo frame.

    Returns:
        float: 0-1.
    """
    positions = rasterise_inverse(mesh, vertices)
    seen = (sample_mask(worn, positions) > 0.5) & mask
    return float((seen | (seen[:, ::-1] & mask)).sum() / max(mask.sum(), 1))
