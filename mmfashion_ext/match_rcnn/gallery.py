# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A gallery of shop pictures to look a garment up in."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import mmcv
import numpy as np
from rich.progress import track
from torch import Tensor

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..hub import config_path
from ..retrieval.gallery_index import GalleryIndex
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.checkpoint import local_checkpoint
from ..utils.image_grid import write_sheet

#: What counts as a picture in a folder.
PICTURES = {'.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'}


class GarmentEncoder:
    """Detect clothes and describe each by a feature vector.

    Args:
        model (str): Name of a model with a match head, or path of a config.
        weights (str or Path): Checkpoint file or URL.
        device (str, optional): None: CUDA where there is one.
        score_thr (float): Lowest score, 0-1, of a garment.

    Attributes:
        similarity (PairSimilarity): What its features are compared with.
        fingerprint (str): Changes with the config's name and the weights.
        origin (dict[str, str]): ``config`` and ``checkpoint``, their files.

    Raises:
        UserError: The model has no match head.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path,
        device: str | None = None,
        score_thr: float = 0.3,
    ) -> None:
        # not above: mmdet's import takes longer than finding a wrong argument
        from .inferencer import ClothesInferencer

        file = local_checkpoint(weights)
        self.infer = ClothesInferencer(model, file, device)
        head = getattr(self.infer.model.roi_head, 'match_head', None)
        if head is None:
            raise UserError(
                f'{model} has no match head, so it cannot compare clothes; '
                "take one of mmfashion_ext.list_models(task='retrieval')"
            )
        self.similarity: PairSimilarity = head.similarity().to('cpu')
        self.score_thr = score_thr
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        config = Path(config_path(model)).absolute()
        self.fingerprint = f'{config.stem}:{digest[:16]}'
        self.origin = {
            'config': str(config),
            'checkpoint': str(file.absolute()),
        }

    def __call__(
        self, images: Sequence[np.ndarray]
    ) -> list[tuple[Tensor, list[dict]]]:
        """Describe the clothes of some pictures.

        Args:
            images (Sequence[np.ndarray]): (h, w, 3) BGR uint8 each.

        Returns:
            list[tuple[Tensor, list[dict]]]: For each picture the features
            (n, D) of its n garments, best first, and of each ``bbox`` xyxy
            px, ``category`` and ``score`` 0-1.
        """
        samples = self.infer(
            list(images),
            batch_size=len(images),
            return_datasamples=True,
            no_save_vis=True,
        )['predictions']
        return [self._garments(sample.pred_instances) for sample in samples]

    def _garments(self, found: object) -> tuple[Tensor, list[dict]]:
        found = found[found.scores >= self.score_thr].cpu()
        items = [
            {
                'bbox': [round(v, 2) for v in box],
                'category': CATEGORIES[label].name,
                'score': round(score, 4),
            }
            for box, label, score in zip(
                found.bboxes.tolist(),
                found.labels.tolist(),
                found.scores.tolist(),
                strict=True,
            )
        ]
        return found.match_features, items


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        images (int): Pictures read, without those that were there already.
        garments (int): Garments added.
        known (int): Pictures that were in the index already.
        unreadable (list[Path]): Files that are no pictures.
    """

    images: int = 0
    garments: int = 0
    known: int = 0
    unreadable: list[Path] = field(default_factory=list)


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """The pictures among files and, recursively, in folders.

    Args:
        paths (Iterable[str | Path]): Files, taken as they are, and folders,
            of which those with the ending of a picture are taken.

    Returns:
        list[Path]: Absolute, each once, in order.

    Raises:
        UserError: A path does not exist, or there is no picture at all.
    """
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(
                file
                for file in path.rglob('*')
                if file.suffix.lower() in PICTURES
            )
        elif path.exists():
            found.append(path)
        else:
            raise UserError(f'{path} does not exist; give pictures or folders')
    if not found:
        raise UserError(
            'no pictures: give files, or folders that hold '
            f'{", ".join(sorted(PICTURES))} files'
        )
    return list(dict.fromkeys(path.absolute() for path in found))


def build_gallery(
    pictures: Iterable[str | Path],
    encoder: GarmentEncoder,
    out: str | Path,
    batch_size: int = 8,
    save_every: int = 50,
    progress: bool = True,
) -> BuildReport:
    """Add the clothes of pictures to an index, made if there is none.

    The index is saved whole every ``save_every`` batches, first beside
    ``out``. After an interruption the same call goes on where that file
    ends, and ``out`` appears, or changes, at the very end.

    Args:
        pictures (Iterable[str | Path]): Files and folders.
        encoder (GarmentEncoder): The model.
        out (str | Path): File of the index.
        batch_size (int): Pictures at a time.
        save_every (int): Batches between two savings.
        progress (bool): Show a progress bar.

    Returns:
        BuildReport: Unreadable files are in it, and skipped.

    Raises:
        UserError: ``out`` is no index, or of another checkpoint.
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
    known = {item['image'] for item in index.items}
    paths = find_pictures(pictures)
    new = [path for path in paths if str(path) not in known]
    report = BuildReport(known=len(paths) - len(new))
    batches = track(
        list(_batched(new, batch_size)),
        f'{out.name}: {len(new)} pictures',
        disable=not progress,
    )
    for number, batch in enumerate(batches, 1):
        _add(index, batch, encoder, report)
        if number % save_every == 0:
            index.save(partial)
    index.save(out)
    partial.unlink(missing_ok=True)
    return report


def _batched(paths: list[Path], size: int) -> Iterator[list[Path]]:
    iterator = iter(paths)
    while batch := list(islice(iterator, size)):
        yield batch


def _add(
    index: GalleryIndex,
    batch: list[Path],
    encoder: GarmentEncoder,
    report: BuildReport,
) -> None:
    """Add the clothes of a few pictures; note the unreadable ones."""
    images = {path: read_picture(path) for path in batch}
    report.unreadable += [p for p, image in images.items() if image is None]
    images = {p: image for p, image in images.items() if image is not None}
    if not images:
        return
    described = encoder(list(images.values()))
    for path, (features, items) in zip(images, described, strict=True):
        index.add(features, [{'image': str(path), **item} for item in items])
        report.garments += len(items)
    report.images += len(images)


def user_picture(path: str | Path) -> np.ndarray:
    """(h, w, 3) BGR uint8 of the picture that a user asks with.

    Raises:
        UserError: It cannot be read.
    """
    image = read_picture(path)
    if image is None:
        raise UserError(f'{path} is no picture that can be read')
    return image


def read_picture(path: str | Path) -> np.ndarray | None:
    """(h, w, 3) BGR uint8 as a viewer shows it; None for no picture."""
    try:
        return mmcv.imread(str(path))
    except (OSError, cv2.error):  # an empty file
        return None


def query_gallery(
    picture: str | Path,
    index: GalleryIndex,
    encoder: GarmentEncoder,
    topk: int = 10,
) -> list[dict]:
    """Look up each garment of a picture.

    Args:
        picture (str | Path): The user's picture.
        index (GalleryIndex): The gallery; of the encoder's checkpoint.
        encoder (GarmentEncoder): The model.
        topk (int): Matches of each garment.

    Returns:
        list[dict]: Of each garment ``bbox`` xyxy px, ``category``, ``score``
        0-1 and ``matches``, best first: the items of the index with
        ``similarity`` 0-1, the probability that they are the same garment.

    Raises:
        UserError: The picture cannot be read, or no clothes are found in it.
    """
    ((features, garments),) = encoder([user_picture(picture)])
    if not garments:
        raise UserError(
            f'{picture}: no clothes found with a score of at least '
            f'{encoder.score_thr}; try a lower --score-thr'
        )
    scores, places = index.search(features, topk)
    for garment, row, near in zip(
        garments, scores.sigmoid().tolist(), places.tolist(), strict=True
    ):
        garment['matches'] = [
            {**index.items[place], 'similarity': round(score, 4)}
            for score, place in zip(row, near, strict=True)
        ]
    return garments


def draw_matches(
    picture: str | Path,
    garments: list[dict],
    out: str | Path,
    cell: tuple[int, int] = (200, 260),
) -> None:
    """Write a sheet: a row for each garment, its matches beside it.

    Args:
        picture (str | Path): The user's picture.
        garments (list[dict]): Result of :func:`query_gallery`.
        out (str | Path): ``.jpg`` or ``.png``.
        cell (tuple[int, int]): (w, h) px of a picture on the sheet.
    """
    columns = 1 + max(len(garment['matches']) for garment in garments)
    cells = []
    for garment in garments:
        text = f'{garment["category"]} {garment["score"]:.2f}'
        row = [_cell(picture, garment['bbox'], text, cell)]
        for rank, match in enumerate(garment['matches'], 1):
            text = f'{rank}. {match["similarity"]:.3f}'
            row.append(_cell(match['image'], match['bbox'], text, cell))
        blank = np.full((cell[1], cell[0], 3), 255, np.uint8)
        cells += row + [blank] * (columns - len(row))
    write_sheet(cells, out, columns=columns, cell=cell)


def _cell(
    path: str | Path, box: list[float], text: str, size: tuple[int, int]
) -> np.ndarray:
    """The surroundings of a garment, its box drawn, (h, w, 3)."""
    width, height = size
    cell = np.full((height, width, 3), 255, np.uint8)
    image = read_picture(path)
    if image is None:  # moved since the index was built
        cv2.putText(cell, 'gone', (8, height // 2), 0, 0.6, (0, 0, 160), 1)
    else:
        x1, y1, x2, y2 = box
        margin = 0.1 * max(x2 - x1, y2 - y1)
        left, top = int(max(0, x1 - margin)), int(max(0, y1 - margin))
        image = image[top : int(y2 + margin) + 1, left : int(x2 + margin) + 1]
        free = height - 22
        factor = min((width - 6) / image.shape[1], free / image.shape[0])
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        image = cv2.resize(
            image, None, fx=factor, fy=factor, interpolation=way
        )
        corners = (np.array(box).reshape(2, 2) - (left, top)) * factor
        first, second = corners.round().astype(int).tolist()
        cv2.rectangle(image, first, second, (60, 160, 60), 1)
        cell[: image.shape[0], : image.shape[1]] = image
    cv2.putText(
        cell, text, (2, height - 7), 0, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    return cell
