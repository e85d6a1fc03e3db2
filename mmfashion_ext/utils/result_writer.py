# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Writer of an inferencer's results: one layout for all systems.

::

    OUT_DIR/
    |-- results.json        predictions: input, name, files; skipped
    |-- predictions/        NAME.json, of a video the list of its frames
    `-- visualizations/     NAME.jpg (.png), of a video NAME.mp4
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import make_folder, write_json
from .image_inputs import NamedInput
from .images import write_image
from .video import VideoWriter


class ResultWriter:
    """Write predictions and drawn images (h, w, 3) uint8 BGR as they come.

    Args:
        out_dir (str | Path): Folder of the results, made if missing.
        suffix (str): Ending of drawn images. Defaults to '.jpg'.

    Attributes:
        results (list[dict]): Entries of ``results.json`` so far, its
            ``predictions``.

    Raises:
        UserError: ``out_dir`` is a file.
    """

    def __init__(self, out_dir: str | Path, suffix: str = '.jpg') -> None:
        self.folder, self.suffix = Path(out_dir), suffix
        make_folder(self.folder)
        self.results: list[dict] = []
        self._video: VideoWriter | None = None
        self._frames: list[dict] = []
        self._source: NamedInput | None = None  # of the video being written

    def write(
        self,
        item: NamedInput,
        prediction: dict,
        drawn: np.ndarray | None,
        files: Sequence[str] = (),
    ) -> None:
        """Write the result of one input.

        Args:
            item (NamedInput): The input.
            prediction (dict): What ``predictions/NAME.json`` says of it;
                arrays are allowed.
            drawn (np.ndarray, optional): (h, w, 3) uint8 BGR.
            files (Sequence[str]): What else was written of it, relative to
                the folder. Defaults to ().
        """
        content = to_plain(prediction)
        if item.frame_id is not None:
            self._write_frame(item, content, drawn)
            return
        self._close_video()
        if drawn is not None:
            write_image(self.folder / self._drawing(item), drawn)
        # last: it says that the result is complete
        write_json(self.folder / _prediction(item), content)
        self.add(item, drawn=drawn is not None, files=files)

    def add(
        self, item: NamedInput, *, drawn: bool, files: Sequence[str] = ()
    ) -> None:
        """List a result whose files are written.

        Args:
            item (NamedInput): The input.
            drawn (bool): Whether there is a drawn image.
            files (Sequence[str]): See :meth:`write`. Defaults to ().
        """
        entry: dict = {'input': item.input, 'name': item.name}
        entry |= item.details or {}
        if drawn:
            entry['visualization'] = self._drawing(item)
        entry['prediction'] = _prediction(item)
        if files:
            entry['files'] = list(files)
        self.results.append(entry)

    def _drawing(self, item: NamedInput) -> str:
        return f'visualizations/{item.name}{self.suffix}'

    def _write_frame(
        self, item: NamedInput, content: dict, drawn: np.ndarray | None
    ) -> None:
        if self._source is None or self._source.name != item.name:
            self._close_video()
            self._source = item
        self._frames.append(content)
        if drawn is None:
            return
        if self._video is None:
            path = self.folder / 'visualizations' / f'{item.name}.mp4'
            size = drawn.shape[1], drawn.shape[0]
            self._video = VideoWriter(path, item.fps or 25.0, size)
        self._video.write(drawn)

    def _close_video(self) -> None:
        if self._source is None:
            return
        item, self._source = self._source, None
        entry = {'input': item.input, 'name': item.name}
        if self._video is not None:
            self._video.close()
            entry['visualization'] = f'visualizations/{item.name}.mp4'
        entry['prediction'] = _prediction(item)
        write_json(self.folder / entry['prediction'], self._frames)
        self.results.append(entry)
        self._video, self._frames = None, []

    def finish(self, skipped: list[dict], **more: object) -> None:
        """Write ``results.json``.

        Args:
            skipped (list[dict]): ``input`` and ``reason`` of what has no
                result.
            **more: Further entries.
        """
        self._close_video()
        content = {'predictions': self.results, 'skipped': skipped, **more}
        write_json(self.folder / 'results.json', to_plain(content))

    def discard_video(self) -> None:
        """Delete a half-written video, after an error."""
        if self._video is not None:
            self._video.discard()
        self._video, self._source, self._frames = None, None, []


def _prediction(item: NamedInput) -> str:
    return f'predictions/{item.name}.json'


def to_plain(value: Any) -> Any:
    """Return a value with its arrays as lists, NaN as None, for JSON."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
