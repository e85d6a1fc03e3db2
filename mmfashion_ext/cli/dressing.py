# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on from the command line: tools/try_on.py and ``mmfashion try-on``."""

from dataclasses import dataclass
from typing import Any

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
    """

    model: str
    weights: str | None = None
    device: str | None = None
    size: tuple[int, int] | None = None
    batch_size: int = 1
    amp: bool = False
    show_progress: bool = True


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
    )
    if not result['predictions']:
        raise UserError(
            f'all {len(result["skipped"])} pairs failed, the first because: '
            f'{result["skipped"][0]["reason"]}'
        )
    return result
