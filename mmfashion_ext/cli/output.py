# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Output of the commands: results on stdout, everything else on stderr."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import UserError
from ..plugins import is_installed
from ..utils.host_noise import PrintFilter
from ..utils.sources import is_url

if TYPE_CHECKING:
    from ..inferencer import Inferencer, PredictionStream


class _Warnings(logging.Handler):
    """Handler that prints warnings and errors to stderr, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        text = ' '.join(record.getMessage().split())
        print(f'{record.levelname.lower()}: {text}', file=sys.stderr)


@contextmanager
def results_only() -> Iterator[TextIO]:
    """Keep stdout for results while a model is loaded and run.

    What hosts print goes to stderr, and of their log the warnings alone.

    Yields:
        TextIO: The stdout to print results to.
    """
    stdout = sys.stdout
    with _warnings_only(), redirect_stdout(PrintFilter(sys.stderr)):
        yield stdout


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Show warnings of MMEngine's log on stderr, and nothing else of it."""
    if not is_installed('mmengine'):  # what needs it says so
        yield
        return
    from mmengine.logging import MMLogger

    logger = MMLogger.get_instance('mmengine')
    handlers = logger.handlers
    logger.handlers = [_Warnings(logging.WARNING)]
    try:
        yield
    finally:
        logger.handlers = handlers


def has_terminal() -> bool:
    """Return whether progress bars, which go to stderr, are looked at."""
    return sys.stderr.isatty()


def print_json(content: object, file: TextIO | None = None) -> None:
    """Print a value as one JSON document on one line."""
    print(json.dumps(content, ensure_ascii=False), file=file or sys.stdout)


def show_predictions(
    infer: 'Inferencer',
    stream: 'PredictionStream',
    describe: Callable[[dict], list[str]],
    *,
    stdout: TextIO,
    as_json: bool,
    out: str | None,
    each: Callable[[dict], None] | None = None,
) -> None:
    """Print predictions while they are computed, then where the files are.

    Args:
        infer (Inferencer): What makes them.
        stream (PredictionStream): The predictions.
        describe (callable): Returns the lines of a prediction for people.
        stdout (TextIO): Where to print.
        as_json (bool): Print ``{"predictions": [...], "skipped": [...]}``
            instead, with the keys of ``predictions/NAME.json``.
        out (str, optional): Folder of the result files.
        each (callable, optional): Called with each prediction.

    Raises:
        UserError: No input could be used.
    """
    from ..utils.result_writer import to_plain

    plain: list[dict] = []
    count = 0
    for prediction in stream:
        count += 1
        if each is not None:
            each(prediction)
        if as_json:
            plain.append(to_plain(infer.to_json(prediction)))
        else:
            print(*describe(prediction), sep='\n', file=stdout, flush=True)
    if not count:
        reasons = [
            f'{entry["input"]}: {entry["reason"]}' for entry in stream.skipped
        ]
        raise UserError(
            f'none of the {len(reasons)} inputs can be used, the first '
            f'because: {reasons[0]}'
            if reasons
            else 'no images in what was passed'
        )
    if as_json:
        print_json({'predictions': plain, 'skipped': stream.skipped}, stdout)
    elif out is not None:
        print(f'wrote {Path(out) / "results.json"}', file=stdout)
        drawn = Path(out) / 'visualizations'
        if drawn.is_dir():
            print(f'wrote {drawn}/', file=stdout)


def describe_garments(prediction: dict) -> list[str]:
    """Return the lines of an image: its name, then a line per garment.

    Args:
        prediction (dict): Of Match R-CNN or landmarks: ``bboxes`` (N, 4) xyxy
            px, ``scores`` (N,), ``categories``, perhaps ``keypoints``.
    """
    title = prediction['input']
    if 'frame_id' in prediction:
        title += f' frame {prediction["frame_id"]}'
    count = len(prediction['scores'])
    garments = f'{count or "no"} garment{"" if count == 1 else "s"}'
    categories = prediction['categories'] or ['garment'] * count
    lines = [f'{title}: {garments}']
    for index, category in enumerate(categories):
        box = ' '.join(f'{value:.0f}' for value in prediction['bboxes'][index])
        line = f'  {category:<21} {prediction["scores"][index]:.2f}  box {box}'
        if 'keypoints' in prediction:
            line += f'  {len(prediction["keypoints"][index])} landmarks'
        lines.append(line)
    return lines


def check_files(
    paths: Sequence[str],
    expected: str = 'an image, a folder of images, a video or a URL',
) -> None:
    """Check, before anything is loaded, that one of the inputs exists.

    Args:
        paths (Sequence[str]): The inputs.
        expected (str): What they may be, for the message.

    Raises:
        UserError: None does. Of several inputs those that are missing are
            skipped and named later.
    """
    missing = [
        path
        for path in paths
        if not is_url(path) and not Path(path).expanduser().exists()
    ]
    if missing and len(missing) == len(paths):
        more = f' (nor any of {len(paths) - 1} more)' if paths[1:] else ''
        raise UserError(
            f'{missing[0]}: no such file or folder{more}; expected {expected}'
        )


def check_system(model: str, system: str) -> type:
    """Return a model's inferencer, which must be that of a system.

    Args:
        model (str): Name of a model, or path of a config file.
        system (str): A key of ``plugins.SYSTEMS``.

    Raises:
        UserError: There is no such model, or it is one of another system.
    """
    from ..hub import inferencer_class
    from .defaults import COMMANDS

    found: Any = inferencer_class(model)
    other = found.__module__.split('.')[1]
    if other != system:
        raise UserError(
            f'{model} is a model of the system {other}; run it with: '
            f'mmfashion {COMMANDS.get(other, "COMMAND")}'
        )
    return found
