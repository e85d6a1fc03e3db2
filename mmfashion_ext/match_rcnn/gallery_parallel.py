# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery built by several processes, each of which writes a part.

The images are divided among the processes by a hash of their paths. Each
builds an index of its own, ``{out}.part-I-of-N``, as ``build_gallery`` does;
then the parts are added to ``out``. What an interrupted build has finished is
in the parts, and is used by the next one, whatever its number of processes.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import UserError
from ..retrieval.gallery_file import check_fingerprint
from ..retrieval.gallery_index import GalleryIndex
from ..utils.duplicates import DUPLICATE_IOU
from ..utils.file_lock import file_lock
from ..utils.parallel import run_parallel
from .gallery import (
    BuildReport,
    build_gallery,
    gone_images,
    must_read,
    open_gallery,
    save_gallery,
)
from .gallery_paths import find_gallery_images, is_below
from .garment_encoder import DetectedGarments

EncoderFactory = Callable[[], DetectedGarments]


@dataclass(frozen=True)
class _Task:
    """What one process does: build the index of its images."""

    paths: list[Path]
    out: Path
    factory: EncoderFactory
    fingerprint: str | None
    threads: int
    save_every: int
    progress: bool
    duplicate_iou: float | None


def build_gallery_parallel(
    images: Iterable[str | Path],
    factory: EncoderFactory,
    out: str | Path,
    jobs: int,
    *,
    score_thr: float,
    save_every: int = 400,
    progress: bool = True,
    duplicate_iou: float | None = DUPLICATE_IOU,
) -> BuildReport:
    """Add the clothes of images to an index, by several processes.

    Args:
        images (Iterable[str | Path]): Files and folders.
        factory (Callable): Builds the encoder in each process; it can be
            pickled. Its vectors are (n, D).
        out (str | Path): File of the index.
        jobs (int): Processes; each holds the model and, of what it has
            read, the vectors.
        score_thr (float): The encoder's lowest score, 0-1, of a garment.
        save_every (int): Images between two savings of a part.
        progress (bool): Show the progress of the first process.
        duplicate_iou (float, optional): See ``build_gallery``.

    Returns:
        BuildReport: Of all processes together.

    Raises:
        UserError: ``jobs`` is below 1, or ``out`` or a part is of another
            checkpoint.
    """
    if jobs < 1:
        raise UserError(f'jobs must be at least 1, got {jobs}')
    out, given = Path(out), list(images)
    paths = find_gallery_images(given)
    roots = [Path(path).absolute() for path in given]
    with file_lock(out):
        index = open_gallery(out) if _exists(out) else None
        index = _add_parts(index, out)
        images_known = index.images if index is not None else {}
        gone: set[str] = set()
        if index is not None:
            gone = gone_images(index, lambda path: is_below(path, roots))
            index.remove_images(gone)
            save_gallery(index, out)
            _remove_parts(out)
        new = [
            path
            for path in paths
            if must_read(path, images_known.get(str(path)), score_thr)
        ]
        report = BuildReport(
            known=len(paths) - len(new),
            changed=len({str(path) for path in new} & images_known.keys()),
            removed=len(gone),
        )
        options = (save_every, progress, duplicate_iou)
        tasks = _make_tasks(new, out, jobs, factory, index, options)
        for part in run_parallel(_build_part, tasks, jobs):
            report.images += part.images
            report.garments += part.garments
            report.empty += part.empty
            report.skipped += part.skipped
        index = _add_parts(index, out)
        if index is None:
            raise UserError(
                f'{out}: none of the {len(new)} images can be read: '
                f'{report.skipped[:1]}'
            )
        save_gallery(index, out)
        _remove_parts(out)
    return report


def _make_tasks(
    paths: list[Path],
    out: Path,
    jobs: int,
    factory: EncoderFactory,
    index: GalleryIndex | None,
    options: tuple[int, bool, float | None],
) -> list[_Task]:
    """Divide paths by a hash, so that a path is always in the same part."""
    shards: list[list[Path]] = [[] for _ in range(jobs)]
    for path in paths:
        shards[zlib.crc32(str(path).encode()) % jobs].append(path)
    save_every, progress, duplicate_iou = options
    return [
        _Task(
            shard,
            out.with_name(f'{out.name}.part-{number}-of-{jobs}'),
            factory,
            None if index is None else index.fingerprint,
            max(torch.get_num_threads() // jobs, 1),
            save_every,
            progress and number == 0,
            duplicate_iou,
        )
        for number, shard in enumerate(shards)
        if shard
    ]


def _build_part(task: _Task) -> BuildReport:
    """Build the index of a part, in a process of its own."""
    torch.set_num_threads(task.threads)
    encoder = task.factory()
    if task.fingerprint is not None:  # before hours of work for nothing
        check_fingerprint(task.out, task.fingerprint, encoder.fingerprint)
    return build_gallery(
        task.paths,
        encoder,
        task.out,
        task.save_every,
        task.progress,
        task.duplicate_iou,
    )


def _exists(out: Path) -> bool:
    return out.exists() or out.with_name(f'{out.name}.partial').exists()


def _parts(out: Path) -> list[Path]:
    """Return the parts of an index, finished or not."""
    prefix = f'{out.name}.part-'
    return sorted(
        path for path in out.parent.glob('*') if path.name.startswith(prefix)
    )


def _add_parts(index: GalleryIndex | None, out: Path) -> GalleryIndex | None:
    """Add the images of all parts to an index, which is made if missing."""
    for path in _parts(out):
        expected = None if index is None else index.fingerprint
        part = GalleryIndex.load(path, expected)
        if index is None:
            index = GalleryIndex(
                part.similarity, part.fingerprint, part.origin
            )
        # read anew in the part: what the index knows of it is older
        index.remove_images(part.images)
        index.add(part.features, part.items)
        index.images.update(part.images)
    return index


def _remove_parts(out: Path) -> None:
    for path in _parts(out):
        path.unlink(missing_ok=True)
