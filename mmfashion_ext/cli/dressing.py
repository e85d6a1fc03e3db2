# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on from the command line: tools/try_on.py and ``mmfashion try-on``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UserError
from ..plugins import require


@dataclass(frozen=True)
class TryOnOptions:
    """The model of a try-on, and how it runs.

    Attributes:
        model (str): Name of a parser-free model, or path of a config file.
        weights (str, optional): File or URL. None: the published ones.
        device (str, optional): None: CUDA where there is one.
        size (tuple[int, int], optional): (h, w) in px that all images are
            resized to. None: that of the config, or as they are.
        batch_size (int): Pairs that go through the network together.
        amp (bool): Half precision.
        show_progress (bool): Show a progress bar over several pairs.
        person_box (Sequence[float], optional): x1, y1, x2, y2 px, where the
            persons are.
        find_person (bool): Find them by the published Match R-CNN.
    """

    model: str
    weights: str | None = None
    device: str | None = None
    size: tuple[int, int] | None = None
    batch_size: int = 1
    amp: bool = False
    show_progress: bool = True
    person_box: Sequence[float] | None = None
    find_person: bool = False


def dress(
    person: object,
    cloth: object,
    out: str,
    *,
    options: TryOnOptions,
    mask: str | None = None,
    pairs: str | None = None,
    grid: bool = False,
    resume: bool = False,
) -> dict:
    """Dress persons in garments, write the images.

    Args:
        person (object): Image, URL or folder, see ``TryOnInferencer``.
        cloth (object): Image, URL or folder.
        out (str): Folder of the results.
        options (TryOnOptions): The model; images are resized to its size
            (h, w) px.
        mask (str, optional): Mask of the garment, or folder of masks.
        pairs (str, optional): File of lines ``person.jpg cloth.jpg``.
        grid (bool): All combinations, also on a contact sheet.
        resume (bool): Skip pairs whose results are in ``out``.

    Returns:
        dict: ``predictions``, without images, and ``skipped``.

    Raises:
        UserError: The model or the inputs cannot be used, or all pairs fail.
    """
    require('tryon')
    from ..tryon.inferencer import TryOnInferencer

    infer = TryOnInferencer(
        options.model,
        options.weights,
        options.device,
        size=options.size,
        batch_size=options.batch_size,
        amp=options.amp,
        show_progress=options.show_progress,
    )
    result: Any = infer(
        person,
        cloth,
        mask,
        out_dir=out,
        pairs=pairs,
        grid=grid,
        keep_arrays=False,
        resume=resume,
        person_box=(
            person_finder(options.device)
            if options.find_person
            else options.person_box
        ),
    )
    if not result['predictions']:
        raise UserError(
            f'all {len(result["skipped"])} pairs failed, the first because: '
            f'{result["skipped"][0]["reason"]}'
        )
    return result


def person_finder(
    device: str | None = None,
) -> Callable[[np.ndarray], Sequence[float] | None]:
    """Return a function that finds the person of a photograph by the garments.

    Args:
        device (str, optional): None: CUDA where there is one.

    Returns:
        Callable: Photograph (h, w, 3) uint8 BGR -> box of garments and head,
        x1, y1, x2, y2 px, or None if the published Match R-CNN finds none.
    """
    require('match_rcnn')
    from ..hub import build_inferencer
    from ..tryon.preparation.worn_garments import WornGarments
    from .defaults import choose_model

    name = choose_model('predict', None, None)
    infer = build_inferencer(name, device=device, show_progress=False)

    def find(image: np.ndarray) -> Sequence[float] | None:
        worn = WornGarments.of(infer(image)['predictions'][0])
        return worn.person_box() if len(worn.boxes) else None

    return find
