# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parts that the pages share: fields, files of visitors, errors as text."""

import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..errors import UserError
from . import html
from .uploads import Upload


def guarded(
    run: Callable[..., tuple], position: int, empty: Sequence[Any]
) -> Callable[..., tuple]:
    """Return a page's function whose errors are its status text.

    Args:
        run (callable): Returns the values of the outputs.
        position (int): Of the status among the outputs.
        empty (Sequence[Any]): The outputs after an error.
    """

    def call(*values: Any) -> tuple:
        try:
            return run(*values)
        except (UserError, ImportError) as error:
            text = ' '.join(str(error).split())
        except Exception as error:  # a visitor's file ends no server
            traceback.print_exc(file=sys.stderr)
            reason = ' '.join(str(error).split())[:300]
            text = (
                f'The model cannot cope with this: {type(error).__name__}: '
                f'{reason}'
            )
        outputs = list(empty)
        outputs[position] = html.error(text)
        return tuple(outputs)

    return call


def connect(
    button: gr.Button,
    run: Callable[..., tuple],
    inputs: list,
    outputs: list,
    empty: list,
) -> None:
    """Let a button run a page's function; one run of all pages at a time.

    Gradio checks that files are uploads of a visitor. It does not decode
    them (``preprocess=False``): :mod:`.uploads` does.
    """
    (position,) = (
        index
        for index, output in enumerate(outputs)
        if str(output.elem_id).endswith('-status')
    )
    button.click(
        guarded(run, position, empty),
        inputs,
        outputs,
        preprocess=False,
        concurrency_id='models',
        concurrency_limit=1,
        api_visibility='private',
        show_progress_on=[outputs[position]],
    )


def to_upload(value: dict | None) -> Upload | None:
    """Return the file that a component of Gradio holds, None if it is empty.

    Args:
        value (dict, optional): ``path``, and ``orig_name`` as the visitor
            calls it.
    """
    if not value:
        return None
    path = Path(value['path'])
    return Upload(path, Path(value.get('orig_name') or path.name).name)


def file_uploads(values: list | dict | None) -> list[Upload]:
    """Return the files that ``gr.File`` holds."""
    if isinstance(values, dict):
        values = [values]
    return [found for value in values or [] if (found := to_upload(value))]


def gallery_uploads(values: list | None) -> list[Upload]:
    """Return the files that ``gr.Gallery`` holds."""
    entries = [value.get('image') for value in values or []]
    return [found for entry in entries if (found := to_upload(entry))]


def photo_input(label: str, name: str) -> gr.Image:
    """Return a field for a photograph: file, camera or clipboard."""
    return gr.Image(
        label=label,
        type='filepath',
        image_mode=None,
        sources=['upload', 'webcam', 'clipboard'],
        height=320,
        elem_id=name,
    )


def files_input(label: str, name: str) -> gr.File:
    """Return a field for the files of tracklets."""
    return gr.File(
        label=label,
        file_count='multiple',
        file_types=['image', 'video', '.json'],
        height=160,
        elem_id=name,
    )


def add_examples(samples: list[list], inputs: list, name: str) -> None:
    """Add examples that fill the fields when they are chosen."""
    gr.Examples(
        samples,
        inputs,
        label='Examples: photographs in the public domain (CC0), drawn people',
        elem_id=name,
        examples_per_page=20,
        cache_examples=False,
        preload=False,
        api_visibility='private',
    )


def checked_number(value: Any, low: float, high: float) -> float:
    """Return a number that a visitor's browser sent, within its limits."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not low <= number <= high:
        raise UserError(f'expected a number from {low} to {high}')
    return number


def own_folder(folder: Path) -> Path:
    """Return a new folder for the files of one run."""
    return Path(tempfile.mkdtemp(dir=folder))


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image (h, w, 3) BGR as RGB."""
    return np.ascontiguousarray(image[..., ::-1])
