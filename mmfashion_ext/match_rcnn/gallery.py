# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery of shop images: build and extend its index, and query it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ..errors import UserError
from ..retrieval.gallery_index import GalleryIndex
from ..utils.images import ImageInput, find_images, image_name, read_image
from .gallery_sheet import draw_matches
from .garment_encoder import EncodedImage, GarmentEncoder

__all__ = [
    'BuildReport',
    'EncodedImage',
    'GarmentEncoder',
    'build_gallery',
    'draw_matches',
    'find_gallery_images',
    'query_gallery',
]


@dataclass
class BuildReport:
    """Report of a build: what it added to the index.

    Attributes:
        images (int): Images read, without those that were indexed before.
        garments (int): Garments added.
        known (int): Images that were in the index before.
        skipped (list[dict]): ``input`` and ``reason`` of files that cannot be
            read as an image.
    """

    images: int = 0
    garments: int = 0
    known: int = 0
    skipped: list[dict] = field(default_factory=list)


def find_gallery_images(paths: Iterable[str | Path]) -> list[Path]:
    """Return the images among files and, recursively, in folders.

    Args:
        paths (Iterable[str | Path]): Files, whatever their ending, and
            folders, of which the image files are used.

    Returns:
        list[Path]: Absolute, each once, in order; of a folder in the natural
        order of the names.

    Raises:
        UserError: A path does not exist, a folder holds no image, or no path
            is given.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += find_images(path, recursive=True)
        elif path.exists():
            found.append(path)
        else:
            raise UserError(f'{path} does not exist; give images or folders')
    if not found:
        raise UserError('no images: give image files, or folders of them')
    return list(dict.fromkeys(path.absolute() for path in found))


def build_gallery(
    images: Iterable[str | Path],
    encoder: GarmentEncoder,
    out: str | Path,
    save_every: int = 400,
    progress: bool = True,
) -> BuildReport:
    """Add the clothes of images to an index, which is made if missing.

    The index is saved every ``save_every`` images, as a whole, to
    ``{out}.partial``. After an interruption the same call continues from that
    file; ``out`` itself is written at the very end.

    Args:
        images (Iterable[str | Path]): Files and folders.
        encoder (GarmentEncoder): The model.
        out (str | Path): File of the index.
        save_every (int): Images between two savings.
        progress (bool): Show a progress bar.

    Returns:
        BuildReport: Unreadable files are in it, and skipped.

    Raises:
        UserError: ``out`` is not an index, or of another checkpoint.
    """
    out = Path(out)
    partial = out.with_name(f'{out.name}.partial')
    earlier = next((path for path in (partial, out) if path.exists()), None)
    if earlier:
        index = GalleryIndex.load(earlier, encoder.fingerprint)
    else:
        index = GalleryIndex(
            encoder.similarity, encoder.fingerprint, encoder.origin
        )
    indexed = {item['image'] for item in index.items}
    paths = find_gallery_images(images)
    new = [path for path in paths if str(path) not in indexed]
    report = BuildReport(known=len(paths) - len(new))
    encoded = track(
        _encode(new, encoder, report.skipped),
        f'{out.name}: {len(new)} images',
        total=len(new),
        disable=not progress,
        console=Console(stderr=True),
    )
    for image in encoded:
        index.add(
            image.features,
            [{'image': image.input, **item} for item in image.garments],
        )
        report.images += 1
        report.garments += len(image.garments)
        if report.images % save_every == 0:
            index.save(partial)
    index.save(out)
    partial.unlink(missing_ok=True)
    return report


def _encode(
    paths: list[Path], encoder: GarmentEncoder, skipped: list[dict]
) -> Iterable[EncodedImage]:
    """Encode images; a single unreadable one is skipped too."""
    if not paths:
        return
    try:
        yield from encoder.encode(paths, skipped)
    except UserError as error:
        if len(paths) > 1:
            raise
        skipped.append({'input': str(paths[0]), 'reason': str(error)})


def query_gallery(
    image: ImageInput,
    index: GalleryIndex,
    encoder: GarmentEncoder,
    topk: int = 10,
) -> list[dict]:
    """Find the most similar gallery items of each garment of an image.

    Args:
        image (ImageInput): The user's image.
        index (GalleryIndex): The gallery; of the encoder's checkpoint.
        encoder (GarmentEncoder): The model.
        topk (int): Matches of each garment.

    Returns:
        list[dict]: Of each garment ``bbox`` (x1, y1, x2, y2) px, ``category``,
        ``score`` 0-1 and ``matches``, best first: the items of the index with
        ``similarity`` 0-1, the probability that they are the same garment.

    Raises:
        UserError: The image cannot be read, or no clothes are found in it.
    """
    (encoded,) = encoder.encode(read_image(image))
    garments = encoded.garments
    if not garments:
        raise UserError(
            f'{image_name(image)}: no clothes found with a score of at least '
            f'{encoder.score_thr}; try a lower score_thr (--score-thr)'
        )
    scores, indices = index.search(encoded.features, topk)
    for garment, similarities, ranked in zip(
        garments, scores.sigmoid().tolist(), indices.tolist(), strict=True
    ):
        garment['matches'] = [
            {**index.items[i], 'similarity': round(similarity, 4)}
            for similarity, i in zip(similarities, ranked, strict=True)
        ]
    return garments
