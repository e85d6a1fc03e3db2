# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery of shop images: build, update and query its index.

An index knows each image by path, size, time and hash, also those without
clothes: what did not change is not read again, what changed is, and what is
gone leaves. A lock lets one process at a time change an index; others wait.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from ..errors import UserError
from ..inferencer import SKIPPED_ERRORS, skipped_entry
from ..retrieval.gallery_images import (
    ImageRecord,
    compare_image,
    file_state,
    record_image,
)
from ..retrieval.gallery_index import GalleryIndex
from ..utils.duplicates import DUPLICATE_IOU
from ..utils.file_lock import file_lock
from ..utils.image_inputs import NamedInput
from .gallery_paths import find_gallery_images, is_below
from .gallery_query import query_gallery
from .gallery_sheet import draw_matches
from .garment_encoder import (
    DetectedGarments,
    EncodedImage,
    GarmentEncoder,
    without_duplicates,
)

__all__ = [
    'BuildReport',
    'EncodedImage',
    'GarmentEncoder',
    'build_gallery',
    'describe_gallery',
    'draw_matches',
    'find_gallery_images',
    'query_gallery',
    'remove_from_gallery',
    'update_gallery',
]


@dataclass
class BuildReport:
    """What a build of an index changed.

    Attributes:
        images (int): Images read, without those that were indexed before.
        garments (int): Garments added.
        known (int): Images that were in the index before, unchanged.
        changed (int): Images read again, since their files changed.
        removed (int): Images that left the index, since they are gone.
        empty (int): Images read in which no clothes were found; they are
            remembered too.
        skipped (list[dict]): ``input`` and ``reason`` of files that cannot be
            read as an image.
    """

    images: int = 0
    garments: int = 0
    known: int = 0
    changed: int = 0
    removed: int = 0
    empty: int = 0
    skipped: list[dict] = field(default_factory=list)


def build_gallery(
    images: Iterable[str | Path],
    encoder: DetectedGarments,
    out: str | Path,
    save_every: int = 400,
    progress: bool = True,
    duplicate_iou: float | None = DUPLICATE_IOU,
) -> BuildReport:
    """Add the clothes of images to an index, which is made if missing.

    Images that are in the index already are read again if their files
    changed; those of the given folders whose files are gone leave it.

    The index is saved every ``save_every`` images, as a whole, to
    ``{out}.partial``. After an interruption the same call continues from that
    file; ``out`` itself is written at the very end.

    Args:
        images (Iterable[str | Path]): Files and folders.
        encoder (DetectedGarments): The model.
        out (str | Path): File of the index.
        save_every (int): Images between two savings.
        progress (bool): Show a progress bar.
        duplicate_iou (float, optional): Of two garments of an image that
            overlap more (IoU, 0-1), whatever their categories, the one with
            the lower score is left out. None: none is.

    Returns:
        BuildReport: Unreadable files are in it, and skipped.

    Raises:
        UserError: ``out`` is not an index, or of another checkpoint.
    """
    given = list(images)
    paths = find_gallery_images(given)
    roots = [Path(path).absolute() for path in given]
    with file_lock(out):
        index = open_gallery(Path(out), encoder)
        gone = gone_images(index, lambda path: is_below(path, roots))
        return _extend(
            index,
            paths,
            gone,
            encoder,
            Path(out),
            _Options(save_every, progress, duplicate_iou),
        )


def update_gallery(
    out: str | Path,
    encoder: DetectedGarments,
    images: Iterable[str | Path] = (),
    save_every: int = 400,
    progress: bool = True,
    duplicate_iou: float | None = DUPLICATE_IOU,
) -> BuildReport:
    """Compare an index with the files of its images, and read what changed.

    Args:
        out (str | Path): File of the index.
        encoder (DetectedGarments): The model.
        images (Iterable[str | Path]): Files and folders to add.
        save_every (int): See :func:`build_gallery`.
        progress (bool): Show a progress bar.
        duplicate_iou (float, optional): Of two garments of an image that
            overlap more (IoU, 0-1), whatever their categories, the one with
            the lower score is left out. None: none is.

    Returns:
        BuildReport: What changed.

    Raises:
        FileNotFoundError: There is no such index.
        UserError: ``out`` is not an index, or of another checkpoint.
    """
    given = list(images)
    added = find_gallery_images(given) if given else []
    with file_lock(out):
        if not Path(out).exists():
            GalleryIndex.load(out)  # says that there is none
        index = open_gallery(Path(out), encoder)
        gone = gone_images(index, lambda path: True)
        there = [Path(path) for path in index.images if path not in gone]
        paths = list(dict.fromkeys([*there, *added]))
        return _extend(
            index,
            paths,
            gone,
            encoder,
            Path(out),
            _Options(save_every, progress, duplicate_iou),
        )


def remove_from_gallery(
    out: str | Path, paths: Iterable[str | Path]
) -> tuple[int, int]:
    """Remove images from an index.

    Args:
        out (str | Path): File of the index.
        paths (Iterable[str | Path]): Images, and folders of which all images
            are removed; whether they exist does not matter.

    Returns:
        tuple[int, int]: How many images and garments were removed.

    Raises:
        FileNotFoundError: There is no such index.
        UserError: ``out`` is not an index, or none of its images is meant.
    """
    roots = [Path(path).absolute() for path in paths]
    with file_lock(out):
        index = open_gallery(Path(out))
        meant = [path for path in index.images if is_below(path, roots)]
        if not meant:
            raise UserError(
                f'{out}: none of its {len(index.images)} images is at '
                f'{", ".join(map(str, roots))}; info lists their folders'
            )
        before = len(index)
        index.remove_images(meant)
        save_gallery(index, Path(out))
    return len(meant), before - len(index)


def describe_gallery(out: str | Path) -> dict:
    """Describe an index, and compare it with the files of its images.

    Args:
        out (str | Path): File of the index.

    Returns:
        dict: ``fingerprint``, ``config``, ``checkpoint``, ``encoder``;
        numbers of ``images``, ``garments``, images ``without_clothes``,
        ``changed`` and ``gone``; ``categories`` and ``folders`` with numbers
        of garments and images; ``features``, numbers of each garment;
        ``bytes`` of the file.

    Raises:
        FileNotFoundError: There is no such index.
        UserError: ``out`` is not an index.
    """
    index = GalleryIndex.load(out)
    _record_older(index)
    states = [compare_image(*entry) for entry in index.images.items()]
    categories = Counter(str(item.get('category')) for item in index.items)
    folders = Counter(str(Path(path).parent) for path in index.images)
    return {
        'fingerprint': index.fingerprint,
        'config': index.origin.get('config', ''),
        'checkpoint': index.origin.get('checkpoint', ''),
        'encoder': index.origin.get('encoder', 'match network'),
        'images': len(index.images),
        'garments': len(index),
        'without_clothes': sum(
            not record.garments for record in index.images.values()
        ),
        'changed': states.count('changed'),
        'gone': states.count('gone'),
        'categories': dict(sorted(categories.items())),
        'folders': dict(sorted(folders.items())),
        'features': len(index.similarity.weight),
        'bytes': Path(out).stat().st_size,
    }


class _Options(NamedTuple):
    """See :func:`build_gallery`."""

    save_every: int
    progress: bool
    duplicate_iou: float | None


def open_gallery(
    out: Path, encoder: DetectedGarments | None = None
) -> GalleryIndex:
    """Open an index to change it, an interrupted build before a whole one."""
    partial = _partial(out)
    earlier = next((path for path in (partial, out) if path.exists()), None)
    if encoder is None:
        index = GalleryIndex.load(earlier or out)
    elif earlier is None:
        return GalleryIndex(
            encoder.similarity, encoder.fingerprint, encoder.origin
        )
    else:
        index = GalleryIndex.load(earlier, encoder.fingerprint)
    _record_older(index)
    return index


def _partial(out: Path) -> Path:
    return out.with_name(f'{out.name}.partial')


def _record_older(index: GalleryIndex) -> None:
    """Add the records that an index of an older version lacks.

    Its images count as unchanged since.
    """
    counts: dict[str, int] = {}
    for item in index.items:
        path = item.get('image')
        if isinstance(path, str) and path not in index.images:
            counts[path] = counts.get(path, 0) + 1
    for path, number in counts.items():
        index.images[path] = record_image(path, number, 0, file_state(path))


def gone_images(index: GalleryIndex, scope: Callable[[str], bool]) -> set[str]:
    """Return the images of an index whose files are gone."""
    return {
        path
        for path in index.images
        if scope(path) and file_state(path) is None
    }


def must_read(
    path: Path, record: ImageRecord | None, score_thr: float
) -> bool:
    """Check whether an image is new, changed, or to be looked at closer."""
    if record is None or compare_image(path, record) == 'changed':
        return True
    return not record.garments and score_thr < record.score_thr


def _extend(
    index: GalleryIndex,
    paths: list[Path],
    gone: set[str],
    encoder: DetectedGarments,
    out: Path,
    options: '_Options',
) -> BuildReport:
    """Read the images that are new or changed, and write the index."""
    new = [
        path
        for path in paths
        if str(path) not in gone
        and must_read(path, index.images.get(str(path)), encoder.score_thr)
    ]
    again = {str(path) for path in new} & index.images.keys()
    report = BuildReport(
        known=len({str(path) for path in paths} & index.images.keys() - gone)
        - len(again),
        changed=len(again),
        removed=len(gone),
    )
    index.remove_images(gone | again)
    states = {str(path): file_state(path) for path in new}
    console = Console(stderr=True)
    encoded = track(
        _encode(new, encoder, report.skipped),
        f'{out.name}: {len(new)} images',
        total=len(new),
        disable=not (options.progress and console.is_terminal),
        console=console,
    )
    for found in encoded:
        image = without_duplicates(found, options.duplicate_iou)
        count = len(image.garments)
        index.add(
            image.features,
            [{'image': image.input, **item} for item in image.garments],
        )
        index.images[image.input] = record_image(
            image.input, count, encoder.score_thr, states.get(image.input)
        )
        report.images += 1
        report.garments += count
        report.empty += not count
        if report.images % options.save_every == 0:
            index.save(_partial(out))
    save_gallery(index, out)
    return report


def save_gallery(index: GalleryIndex, out: Path) -> None:
    """Write a whole index, which an interrupted build's file is part of."""
    index.save(out)
    _partial(out).unlink(missing_ok=True)


def _encode(
    paths: list[Path], encoder: DetectedGarments, skipped: list[dict]
) -> Iterable[EncodedImage]:
    """Encode images; a single one that fails is skipped too."""
    if not paths:
        return
    try:
        yield from encoder.encode(paths, skipped)
    except SKIPPED_ERRORS as error:
        if len(paths) > 1:
            raise
        only = NamedInput(str(paths[0]), paths[0].stem, paths[0])
        skipped.append(skipped_entry(only, error))
