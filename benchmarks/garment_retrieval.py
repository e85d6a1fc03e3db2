# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Same-garment retrieval on photographs, by frozen features of any encoder.

The protocol is in docs/protocols.md. Each photograph of the CC0 garments is
one garment. The published detector cuts it out: its best box, and grey where
its mask is not, so that the floor cannot be recognised. A query is the same
garment, changed; the gallery is one crop of each garment:

- ``halves``: the right half is searched among the left halves;
- ``flip``: mirrored, and a window of .7 of width and height;
- ``colour``: brightness, contrast and saturation x .6 to 1.4, hue +-18
  degrees;
- ``perspective``: each corner moved by up to .2 of width and height;
- ``all``: the right half with all of that, among the left halves.

Features: a colour histogram (the baseline), the mean of the last map of the
published detector's backbone, and any number of image encoders.

Example:
    python benchmarks/garment_retrieval.py data/garments --num 96 \
        --encoder timm:tf_efficientnet_lite0 efficientnet-lite0-57934424.pth
"""

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import report
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.garments.raw import RawGarments
from mmfashion_ext.hub import model_name
from mmfashion_ext.match_rcnn import ClothesInferencer
from mmfashion_ext.retrieval.image_encoder import ImageEncoder, fit_square
from mmfashion_ext.retrieval.inner_product import topk_inner_product
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json
from mmfashion_ext.utils.images import write_image

GREY = 127
#: Test -> what the gallery holds of each garment.
TESTS = {
    'halves': 'left',
    'flip': 'whole',
    'colour': 'whole',
    'perspective': 'whole',
    'all': 'left',
}


@dataclass(frozen=True)
class Cut:
    """A garment cut out of its photograph.

    Attributes:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        mask (np.ndarray): (h, w) bool.
    """

    image: np.ndarray
    mask: np.ndarray

    def window(self, x1: float, y1: float, x2: float, y2: float) -> 'Cut':
        """Return a part, its corners 0-1 of width and height."""
        h, w = self.mask.shape
        rows = slice(int(y1 * h), max(int(y2 * h), int(y1 * h) + 1))
        cols = slice(int(x1 * w), max(int(x2 * w), int(x1 * w) + 1))
        return Cut(self.image[rows, cols], self.mask[rows, cols])

    def flipped(self) -> 'Cut':
        """Return the mirror image."""
        return Cut(self.image[:, ::-1], self.mask[:, ::-1])

    def painted(self) -> np.ndarray:
        """Return (h, w, 3) uint8 BGR, grey outside the mask."""
        grey = np.uint8(GREY)
        return np.where(self.mask[..., None], self.image, grey)


def change_colour(cut: Cut, rng: np.random.Generator) -> Cut:
    """Change brightness, contrast, saturation and hue, as light does."""
    image = cut.image.astype(np.float32)
    brightness, contrast, saturation = rng.uniform(0.6, 1.4, 3)
    mean = image[cut.mask].mean() if cut.mask.any() else 0.0
    image = ((image - mean) * contrast + mean) * brightness
    hsv = cv2.cvtColor(
        image.clip(0, 255).astype(np.uint8), cv2.COLOR_BGR2HSV
    ).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-9, 9)) % 180  # of 2 degrees
    hsv[..., 1] = (hsv[..., 1] * saturation).clip(0, 255)
    changed = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)
    return Cut(changed, cut.mask)


def change_perspective(cut: Cut, rng: np.random.Generator) -> Cut:
    """Move each corner inwards by up to .2 of width and height."""
    h, w = cut.mask.shape
    corners = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    inwards = np.float32([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    moved = corners + inwards * rng.uniform(0, 0.2, (4, 2)) * (w, h)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    mask = cv2.warpPerspective(cut.mask.astype(np.uint8), matrix, (w, h))
    return Cut(cv2.warpPerspective(cut.image, matrix, (w, h)), mask > 0)


def change(cut: Cut, test: str, rng: np.random.Generator) -> Cut:
    """Return the query of a test."""
    if test in ('halves', 'all'):
        cut = cut.window(0.5, 0, 1, 1)
    if test in ('flip', 'all'):
        if test == 'flip':
            x, y = rng.uniform(0, 0.3, 2)
            cut = cut.window(x, y, x + 0.7, y + 0.7)
        cut = cut.flipped()
    if test in ('colour', 'all'):
        cut = change_colour(cut, rng)
    if test in ('perspective', 'all'):
        cut = change_perspective(cut, rng)
    return cut


def histogram(cuts: Sequence[Cut]) -> Tensor:
    """Return roots of colour histograms, (n, 512) of unit length.

    Their inner product is the Bhattacharyya coefficient.
    """
    rows = []
    for cut in cuts:
        bins = (cut.image[cut.mask] // 32).astype(np.int64)
        index = bins @ np.array([64, 8, 1])
        rows.append(np.bincount(index, minlength=512) / max(len(index), 1))
    return torch.from_numpy(np.sqrt(np.stack(rows))).float()


class DetectorBackbone:
    """Mean of the last feature map of a detector's backbone."""

    def __init__(self, infer: ClothesInferencer, side: int = 224) -> None:
        self.model, self.side = infer.model, side

    @torch.no_grad()
    def __call__(self, cuts: Sequence[Cut]) -> Tensor:
        """Return (n, C) of unit length."""
        normalise = self.model.data_preprocessor
        mean, std = normalise.mean.cpu(), normalise.std.cpu()
        grey = (GREY,) * 3
        rows = []
        for start in range(0, len(cuts), 16):
            batch = [
                fit_square(cut.painted(), self.side, grey)
                for cut in cuts[start : start + 16]
            ]
            x = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float()
            x = ((x - mean) / std).to(infer_device(self.model))
            rows.append(self.model.backbone(x)[-1].mean((2, 3)).cpu())
        return torch.nn.functional.normalize(torch.cat(rows))


def infer_device(model: torch.nn.Module) -> torch.device:
    """Return the device of a model."""
    return next(model.parameters()).device


def cut_out(
    infer: ClothesInferencer, paths: Sequence[Path]
) -> tuple[list[str], list[Cut]]:
    """Cut the garments out; those that are not found are left out."""
    names, cuts = [], []
    for path in track(paths, 'cutting out'):
        image = cv2.imread(str(path))
        found = infer(image, score_thr=0.3)['predictions'][0]
        if not len(found['scores']):
            continue
        h, w = image.shape[:2]
        x1, y1, x2, y2 = found['bboxes'][0].round().astype(int)
        x1, y1 = max(x1, 0), max(y1, 0)
        x2, y2 = min(max(x2, x1 + 2), w), min(max(y2, y1 + 2), h)
        cut = Cut(image[y1:y2, x1:x2], found['masks'][0][y1:y2, x1:x2])
        # each half must show something
        if min(cut.mask.shape) > 16 and all(
            half.mask.mean() > 0.1
            for half in (cut.window(0, 0, 0.5, 1), cut.window(0.5, 0, 1, 1))
        ):
            names.append(path.stem)
            cuts.append(cut)
    return names, cuts


def make_queries(
    names: Sequence[str], cuts: Sequence[Cut], seed: int
) -> dict[str, list[Cut]]:
    """Return test -> the query of each garment; the same for all features."""
    queries = {}
    for test in TESTS:
        rngs = [
            np.random.default_rng([seed, zlib.crc32(f'{test}{name}'.encode())])
            for name in names
        ]
        queries[test] = [
            change(cut, test, rng) for cut, rng in zip(cuts, rngs, strict=True)
        ]
    return queries


def top_k(queries: Tensor, gallery: Tensor) -> dict[str, float]:
    """Return top-1 and top-5, query i being garment i of the gallery."""
    found = topk_inner_product(queries, gallery, 5).indices
    right = found == torch.arange(len(queries))[:, None]
    return {
        f'top-{k}': float(right[:, :k].any(1).double().mean()) for k in (1, 5)
    }


def measure(
    features: dict[str, Callable[[Sequence[Cut]], Tensor]],
    cuts: Sequence[Cut],
    queries: dict[str, list[Cut]],
) -> dict[str, dict[str, float]]:
    """Return feature -> ``TEST/top-k`` -> 0-1."""
    galleries = {
        'whole': cuts,
        'left': [cut.window(0, 0, 0.5, 1) for cut in cuts],
    }
    results = {}
    for name, encode in features.items():
        vectors = {kind: encode(found) for kind, found in galleries.items()}
        results[name] = {
            f'{test}/{key}': value
            for test, kind in TESTS.items()
            for key, value in top_k(
                encode(queries[test]), vectors[kind]
            ).items()
        }
        print(name, results[name], flush=True)
    return results


def draw(
    path: Path, cuts: Sequence[Cut], queries: dict[str, list[Cut]]
) -> None:
    """Write a sheet: of eight garments the crop, and each test's query."""
    columns = [cuts, *queries.values()]
    rows = [
        np.hstack(
            [
                fit_square(column[i].painted(), 128, (255, 255, 255))
                for column in columns
            ]
        )
        for i in range(min(8, len(cuts)))
    ]
    write_image(path, np.vstack(rows)[..., ::-1])


def show(results: dict[str, dict[str, float]], title: str) -> None:
    """Print a table with a row for each feature."""
    table = Table('feature', *TESTS, title=f'{title}: top-1 (top-5)')
    for name, row in results.items():
        cells = [
            f'{row[f"{test}/top-1"]:.3f} ({row[f"{test}/top-5"]:.3f})'
            for test in TESTS
        ]
        table.add_row(name, *cells)
    Console(width=110).print(table)


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument('garments', type=Path, help='root of the CC0 garments')
    parser.add_argument('--split', default='validation')
    parser.add_argument(
        '--num', type=int, help='photographs, evenly over the classes'
    )
    parser.add_argument(
        '--encoder',
        nargs=2,
        action='append',
        default=[],
        metavar=('NAME', 'WEIGHTS'),
        help='an image encoder and its checkpoint; may be repeated',
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device')
    parser.add_argument('--draw', type=Path, help='write a sheet of queries')
    args = parser.parse_args()
    run(args)


def run(args: argparse.Namespace) -> None:
    """Cut out, encode, rank, and report."""
    photos = RawGarments(args.garments, args.split).photos
    step = max(len(photos) // args.num, 1) if args.num else 1
    paths = [photo.path for photo in photos][::step][: args.num]
    features: dict[str, Callable] = {'colour histogram': histogram}
    for name, weights in args.encoder:
        encoder = ImageEncoder(name, weights, args.device)
        features[encoder.name] = lambda cuts, encode=encoder.encode: encode(
            [cut.painted() for cut in cuts]
        )
    detector = model_name('match-rcnn:balanced')
    infer = ClothesInferencer(detector, None, args.device, show_progress=False)
    features[f'backbone of {detector}'] = DetectorBackbone(infer)
    names, cuts = cut_out(infer, paths)
    if len(cuts) < 5:
        raise UserError(f'{len(cuts)} garments were found, expected 5 or more')
    queries = make_queries(names, cuts, args.seed)
    if args.draw:
        draw(args.draw, cuts, queries)
    results = measure(features, cuts, queries)
    title = f'{len(cuts)} of {len(paths)} garments ({args.split})'
    show(results, title)
    if args.out:
        settings = {'garments': len(cuts), 'photographs': len(paths)}
        write_json(args.out, {'results': results, **settings})


if __name__ == '__main__':
    run_tool(main)
