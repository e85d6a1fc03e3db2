# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Query of a gallery: the most similar garments of its images."""

import logging
from pathlib import Path

from mmengine.logging import print_log

from ..errors import UserError, describe
from ..formats.checks import Fields, require
from ..formats.rules import Numbers, Text, show
from ..hub.model_origin import origin_file, origin_model
from ..retrieval.gallery_images import file_state
from ..retrieval.gallery_index import GalleryIndex
from ..utils.duplicates import DUPLICATE_IOU
from ..utils.images import ImageInput, image_name, read_image
from .gallery_ranking import rank_items
from .garment_encoder import DetectedGarments, without_duplicates

_ITEM: Fields = {
    'image': Text('the path of an image'),
    'bbox': Numbers(4, 'xyxy in px'),
    'category': Text('a category'),
}


def index_model(
    index: GalleryIndex,
    path: str | Path,
    config: str | None = None,
    weights: str | Path | None = None,
) -> tuple[str, str | Path]:
    """Return config and weights to query an index with.

    See :func:`.model_origin.origin_model`: only a model of the zoo, and only a
    file on this machine.

    Args:
        index (GalleryIndex): The index.
        path (str | Path): Its file, for messages.
        config (str, optional): What a user chose instead.
        weights (str | Path, optional): What a user chose instead.

    Returns:
        tuple[str, str | Path]: Name or file of the config, and weights.

    Raises:
        UserError: The index names something else.
    """
    return origin_model(index.origin, path, config, weights)


def index_encoder(
    index: GalleryIndex,
    path: str | Path,
    encoder: str | None = None,
    weights: str | Path | None = None,
) -> tuple[str, str | Path] | None:
    """Return name and weights of the image encoder of an index, if it has one.

    Building a model of timm or mmpretrain by name runs no code of the index;
    of what it names only a file on this machine is read.

    Args:
        index (GalleryIndex): The index.
        path (str | Path): Its file, for messages.
        encoder (str, optional): What a user chose instead.
        weights (str | Path, optional): What a user chose instead.

    Returns:
        tuple[str, str | Path], optional: None if the match network of the
        detector made the features.

    Raises:
        UserError: The index names something else.
    """
    if encoder is None:
        if 'encoder' not in index.origin:
            return None
        encoder = index.origin['encoder']
        if not isinstance(encoder, str):
            raise UserError(
                f'{path}: was built with the encoder {show(encoder)}, '
                'expected a name; name it with --encoder'
            )
    if weights is None:
        weights = origin_file(
            index.origin, path, 'encoder_checkpoint', '--encoder-weights'
        )
    return encoder, weights


def query_gallery(
    image: ImageInput,
    index: GalleryIndex,
    encoder: DetectedGarments,
    topk: int = 10,
    *,
    keep_missing: bool = False,
    duplicate_iou: float | None = DUPLICATE_IOU,
) -> list[dict]:
    """Find the most similar gallery items of each garment of an image.

    Args:
        image (ImageInput): The user's image.
        index (GalleryIndex): The gallery; of the encoder's checkpoint.
        encoder (DetectedGarments): The model.
        topk (int): Matches of each garment.
        keep_missing (bool): Also items whose image is gone, for an index
            that was moved without its images. Defaults to False.
        duplicate_iou (float, optional): Of two garments of any categories
            that overlap more (IoU, 0-1), the one with the lower score is not
            searched. None: all are.

    Returns:
        list[dict]: Of each garment ``bbox`` xyxy px, ``category``, ``score``
        0-1 and ``matches``, best first: the items of the index with
        ``similarity`` 0-1, the probability that they are the same garment;
        with an image encoder or embedding head their cosine, 0 where it
        is negative.

    Raises:
        UserError: The image cannot be read, no clothes are found in it, or
            all images of the index are gone.
    """
    (encoded,) = encoder.encode(read_image(image))
    encoded = without_duplicates(encoded, duplicate_iou)
    garments = encoded.garments
    if not garments:
        raise UserError(
            f'{image_name(image)}: no clothes found with a score of at least '
            f'{encoder.score_thr}; try a lower score_thr (--score-thr)'
        )
    wanted = min(topk, len(index))
    states: dict[str, str] = {}
    depth = topk
    while True:
        found = rank_items(index, encoded.features, depth)
        matches = [
            _usable(index, row, states, keep_missing)
            for row in found.indices.tolist()
        ]
        if depth >= len(index) or all(len(m) >= wanted for m in matches):
            break
        depth *= 4
    _report_stale(states)
    if not any(matches):
        raise UserError(
            f'all {len(index)} items of the index are of images that are '
            'gone; update the index, or keep them with keep_missing '
            '(--keep-missing) if it was moved without its images'
        )
    for garment, scores, ranked, usable in zip(
        garments,
        found.scores.tolist(),
        found.indices.tolist(),
        matches,
        strict=True,
    ):
        garment['matches'] = [
            {**index.items[i], 'similarity': round(score, 4)}
            for score, i in zip(scores, ranked, strict=True)
            if i in usable
        ][:topk]
    return garments


def _usable(
    index: GalleryIndex,
    rows: list[int],
    states: dict[str, str],
    keep_missing: bool,
) -> set[int]:
    """Return the found items whose image is there; note what is not."""
    usable = set()
    for row in rows:
        if row < 0:  # an approximate search found fewer
            continue
        item = index.items[row]
        require(item, _ITEM, f'item {row} of the index')
        path = item['image']
        if path not in states:
            state, record = file_state(path), index.images.get(path)
            states[path] = 'gone' if state is None else 'same'
            if state and record and state != (record.size, record.time):
                states[path] = 'changed'
        if keep_missing or states[path] != 'gone':
            usable.add(row)
    return usable


def _report_stale(states: dict[str, str]) -> None:
    """Warn of matched images that are gone or changed."""
    for state in ('gone', 'changed'):
        paths = [path for path, found in states.items() if found == state]
        if paths:
            print_log(
                f'{len(paths)} images of the index are {state} since they '
                f'were read: {describe(paths)}; update the index',
                logger='current',
                level=logging.WARNING,
            )
