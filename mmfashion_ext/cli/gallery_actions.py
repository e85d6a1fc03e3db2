# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery from the command line: tools/gallery.py and ``mmfashion gallery``.

Each function checks what is cheap to check before it imports PyTorch.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

from ..errors import UserError
from ..plugins import require
from .gallery_stores import check_store, searched_index, update_store

if TYPE_CHECKING:
    from ..match_rcnn.gallery import BuildReport
    from ..match_rcnn.garment_encoder import DetectedGarments
    from ..retrieval.gallery_index import GalleryIndex


@dataclass(frozen=True)
class EncoderOptions:
    """What detects and compares the garments of a gallery.

    Attributes:
        model (str, optional): Name of a model, or path of a config file.
            None: what the index was built with.
        weights (str, optional): File or URL. None: what the index was built
            with, or, of a new one, the published weights.
        device (str, optional): None: CUDA where there is one.
        score_thr (float): Lowest score, 0-1, of a garment.
        duplicate_iou (float): Garments whose boxes overlap more (IoU, 0-1)
            are one.
        batch_size (int): Images that go through the network together.
        encoder (str, optional): Image encoder of timm or mmpretrain that
            makes the features. None: what the index was built with; of a new
            one, the model's match network.
        encoder_weights (str, optional): Its checkpoint file. None: what the
            index was built with; of a new one, the published weights.
        store (str, optional): Engine that searches the vectors, a key of
            ``retrieval.stores.sync.STORES``. None: what the index has.
        store_url (str, optional): Its server, if it is one.
        jobs (int): Processes that build.
    """

    model: str | None = None
    weights: str | None = None
    device: str | None = None
    score_thr: float = 0.3
    duplicate_iou: float = 0.7
    batch_size: int = 1
    encoder: str | None = None
    encoder_weights: str | None = None
    store: str | None = None
    store_url: str | None = None
    jobs: int = 1

    def build(self) -> 'DetectedGarments':
        """Build the encoder of a new index."""
        if self.model is None:
            raise UserError('a new index needs the model that it is of')
        if self.encoder is None and self.encoder_weights is not None:
            raise UserError(
                f'--encoder-weights {self.encoder_weights}: say with '
                '--encoder NAME of which model these weights are'
            )
        image_encoder = None
        if self.encoder is not None:
            from ..hub.encoders import encoder_weights

            weights = self.encoder_weights or encoder_weights(self.encoder)
            image_encoder = self.encoder, weights
        return self._build(self.model, self.weights, image_encoder)

    def build_for(
        self, index: 'GalleryIndex', path: str
    ) -> 'DetectedGarments':
        """Build the encoder of an index, the file ``path``."""
        from ..match_rcnn.gallery_query import index_encoder, index_model

        model, weights = index_model(index, path, self.model, self.weights)
        image_encoder = index_encoder(
            index, path, self.encoder, self.encoder_weights
        )
        return self._build(model, weights, image_encoder)

    def _build(
        self,
        model: str,
        weights: str | Path | None,
        image_encoder: tuple[str, str | Path | None] | None,
    ) -> 'DetectedGarments':
        """Build a match network, or an image encoder with its weights."""
        if image_encoder is None:
            from ..match_rcnn.gallery import GarmentEncoder

            return GarmentEncoder(
                model,
                weights,
                self.device,
                score_thr=self.score_thr,
                batch_size=self.batch_size,
            )
        from ..match_rcnn.crop_encoder import CropEncoder
        from ..retrieval.image_encoder import ImageEncoder

        return CropEncoder(
            ImageEncoder(*image_encoder, self.device),
            model,
            weights,
            self.device,
            score_thr=self.score_thr,
            batch_size=self.batch_size,
        )


def build_index(
    images: Sequence[str],
    out: str,
    options: EncoderOptions,
    file: TextIO | None = None,
) -> None:
    """Make or extend an index; name the files that cannot be read.

    Args:
        images (Sequence[str]): Image files and folders.
        out (str): File of the index.
        options (EncoderOptions): With a model.
        file (TextIO, optional): Where to print. Defaults to None: stdout.

    Raises:
        UserError: There are no images, or the model cannot be used.
    """
    _check_batch_size(options)
    require('match_rcnn')
    from ..match_rcnn.gallery import build_gallery, find_gallery_images

    check_store(options.store, options.store_url)
    find_gallery_images(images)  # before the model is loaded
    if options.jobs > 1:
        from ..match_rcnn.gallery_parallel import build_gallery_parallel

        report = build_gallery_parallel(
            images,
            options.build,
            out,
            options.jobs,
            score_thr=options.score_thr,
            duplicate_iou=options.duplicate_iou,
        )
    else:
        report = build_gallery(
            images,
            options.build(),
            out,
            duplicate_iou=options.duplicate_iou,
        )
    print_report(out, report, file)
    update_store(out, options.store, options.store_url, file)


def update_index(
    path: str,
    images: Sequence[str],
    options: EncoderOptions,
    file: TextIO | None = None,
) -> None:
    """Compare an index with the files of its images.

    Args:
        path (str): File of the index.
        images (Sequence[str]): Image files and folders to add.
        options (EncoderOptions): The model's settings.
        file (TextIO, optional): Where to print. Defaults to None: stdout.

    Raises:
        UserError: There is no such index, or its model cannot be used.
    """
    _check_batch_size(options)
    require('match_rcnn')
    from ..match_rcnn.gallery import update_gallery
    from ..retrieval.gallery_index import GalleryIndex

    index = GalleryIndex.load(path)
    report = update_gallery(
        path,
        options.build_for(index, path),
        images,
        duplicate_iou=options.duplicate_iou,
    )
    print_report(path, report, file)
    update_store(path, options.store, options.store_url, file)


def query_index(
    path: str,
    image: str,
    options: EncoderOptions,
    *,
    topk: int = 10,
    out: str | None = None,
    keep_missing: bool = False,
) -> list[dict]:
    """Find the garments of an image in an index.

    Args:
        path (str): File of the index.
        image (str): File or URL of the image.
        options (EncoderOptions): The model's settings.
        topk (int): Matches of each garment.
        out (str, optional): File of a sheet of the matches, .jpg or .png.
        keep_missing (bool): Also match images that are gone.

    Returns:
        list[dict]: See ``match_rcnn.gallery_query.query_gallery``: boxes (4)
        xyxy px, with their matches.

    Raises:
        UserError: The index or the image cannot be used, or the image shows
            no clothes.
    """
    if topk < 1:
        raise UserError(f'--topk must be at least 1, got {topk}')
    if out and not out.lower().endswith(('.jpg', '.jpeg', '.png')):
        raise UserError(f'--out must end with .jpg or .png, got {out}')
    require('match_rcnn')  # imports torch, so not before the above
    from ..match_rcnn.gallery import draw_matches, query_gallery
    from ..retrieval.gallery_index import GalleryIndex
    from ..utils.images import read_image

    index = GalleryIndex.load(path)
    content = read_image(image)  # before the model is loaded
    encoder = options.build_for(index, path)
    index.check_model(encoder.fingerprint, path)
    with searched_index(index, path, options.store_url) as searched:
        garments = query_gallery(
            image,
            searched,
            encoder,
            topk,
            keep_missing=keep_missing,
            duplicate_iou=options.duplicate_iou,
        )
    if out:
        draw_matches(content, garments, out)
    return garments


def remove_images(
    path: str,
    images: Sequence[str],
    file: TextIO | None = None,
    store_url: str | None = None,
) -> None:
    """Remove images, files or folders, from the index ``path``."""
    require('match_rcnn')
    from ..match_rcnn.gallery import remove_from_gallery

    number, garments = remove_from_gallery(path, images)
    text = f'{path}: {number} images, {garments} garments removed'
    print(text, file=file)
    update_store(path, None, store_url, file)


def print_index(path: str, file: TextIO | None = None) -> None:
    """Print what is in the index ``path``, and what became of its images."""
    require('match_rcnn')
    from ..match_rcnn.gallery import describe_gallery

    for name, value in describe_gallery(path).items():
        name = name.replace('_', ' ')
        if isinstance(value, dict):
            print(f'{name}:', file=file)
            for entry, number in value.items():
                print(f'  {number:>9,}  {entry}', file=file)
        else:
            text = f'{value:,}' if isinstance(value, int) else value
            print(f'{name + ":":<17}{text}', file=file)


def print_report(
    path: str, report: 'BuildReport', file: TextIO | None = None
) -> None:
    """Print what a build or an update of the index ``path`` changed."""
    for entry in report.skipped if file is None else ():
        # a command has printed it as a warning
        print(f'skipped {entry["input"]}: {entry["reason"]}', file=sys.stderr)
    print(
        f'{path}: {report.garments} garments of {report.images} images '
        f'added, {report.known} images were indexed before, '
        f'{report.changed} of the added ones had changed, {report.removed} '
        f'are gone and removed, {report.empty} without clothes, '
        f'{len(report.skipped)} skipped',
        file=file,
    )


def print_matches(garments: list[dict]) -> None:
    """Print one table per garment, its matches best first."""
    for garment in garments:
        table = Table(
            *('rank', 'similarity', 'category', 'image'),
            title=f'{garment["category"]} at {garment["bbox"]}',
        )
        for rank, match in enumerate(garment['matches'], 1):
            similarity = f'{match["similarity"]:.3f}'
            table.add_row(
                *(str(rank), similarity, match['category'], match['image'])
            )
        Console().print(table)


def _check_batch_size(options: EncoderOptions) -> None:
    """Refuse a batch without images."""
    if options.batch_size < 1:
        raise UserError(
            f'--batch-size must be 1 or more: {options.batch_size}'
        )
