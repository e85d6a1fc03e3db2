# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base class of the inferencers: one contract for all systems.

``infer = Inferencer(model, weights)`` and ``infer(inputs)`` read the same in
every system: inputs, results, ``skipped``, ``stream`` and the layout of
``out_dir`` are described in :meth:`Inferencer._run`, what a system adds in its
own class. No PyTorch is imported here, for :mod:`mmfashion_ext.lite`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UserError
from .utils.display import check_display, show_image
from .utils.image_inputs import NamedInput
from .utils.images import read_image
from .utils.result_writer import ResultWriter
from .utils.skipped import print_log, skipped_line

if TYPE_CHECKING:
    import torch
    from torch import nn

#: Errors in one input of many that do not end a run: those of a user, and
#: whatever networks and libraries raise, such as too little memory or an
#: error of OpenCV. Not an interrupt by the keyboard.
SKIPPED_ERRORS = (Exception,)


class PredictionStream(Iterator[dict]):
    """Iterator over predictions, computed when they are asked for.

    Attributes:
        skipped (list[dict]): ``input`` and ``reason`` of the inputs so far
            that have no prediction.
    """

    def __init__(
        self, run: Callable[[list[dict]], Generator[Any, None, None]]
    ) -> None:
        self.skipped: list[dict] = []
        self._predictions = run(self.skipped)

    def __next__(self) -> dict:
        return next(self._predictions)

    def close(self) -> None:
        """End the run; files that are half written are removed."""
        self._predictions.close()


class Inferencer(ABC):
    """Run a model on inputs of many kinds; images are (h, w, 3) uint8 BGR.

    Args:
        model (str | Path | nn.Module): Name of a model, path of a config
            file, or what ``get_model`` built (``weights`` must be None then:
            it is used as it is).
        weights (str | Path, optional): Checkpoint file or URL; read as data,
            never unpickled, and checked against the model. Defaults to None:
            the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        batch_size (int): Inputs that go through the network together.
            Defaults to 1.
        show_progress (bool): Show a progress bar over several inputs.
            Defaults to True.

    Attributes:
        model (nn.Module): In evaluation mode; ``model.cfg`` is its config.

    Raises:
        UserError: An unknown model or device, no published weights, or
            weights of another model.
        CheckpointError: See ``utils.checkpoint``.
    """

    #: Ending of drawn images.
    drawing_suffix = '.jpg'

    def __init__(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        if batch_size < 1:
            raise UserError(f'batch_size must be 1 or more, got {batch_size}')
        self.batch_size = batch_size
        self.show_progress = show_progress
        self.model = self._load_model(model, weights, device)

    def _load_model(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None,
        device: str | None,
    ) -> nn.Module:
        """Build the model and load its weights."""
        from .hub import load_model

        return load_model(model, weights, device)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    # What a system brings.

    def _prepare(self, options: dict, skipped: list[dict]) -> dict:
        """Return the options, once per call, before the first input is read.

        A system that compares inputs with a gallery adds it here, and adds
        what it skips of it to ``skipped``.
        """
        return options

    def _load(self, item: NamedInput) -> Any:
        """Read an input; by default an image (h, w, 3) uint8 BGR."""
        return read_image(item.source)

    @abstractmethod
    def _predict(self, loaded: list[Any], options: dict) -> list[Any]:
        """Run the network on a batch; one sample of the host for each."""

    @abstractmethod
    def _to_prediction(self, sample: Any) -> dict:
        """Turn a sample of the host into NumPy arrays and plain values."""

    @abstractmethod
    def _draw(
        self, loaded: Any, sample: Any, options: dict
    ) -> np.ndarray | None:
        """Draw a sample, (h, w, 3) uint8 BGR."""

    def to_json(self, prediction: dict) -> dict:
        """Return what ``predictions/NAME.json`` says; arrays are allowed."""
        return prediction

    def _write(
        self,
        writer: ResultWriter,
        item: NamedInput,
        prediction: dict,
        drawn: np.ndarray | None,
        options: dict,
    ) -> None:
        """Write the files of one result."""
        writer.write(item, self.to_json(prediction), drawn)

    def _finish(
        self, writer: ResultWriter, skipped: list[dict], options: dict
    ) -> None:
        """Write the files that concern all results."""
        writer.finish(skipped)

    def _report_skipped(self, skipped: list[dict]) -> None:
        """Warn of skipped inputs in one line."""
        if line := skipped_line(skipped):
            print_log(line, logger='current', level=logging.WARNING)

    # The contract.

    def _run(
        self,
        items: Iterable[NamedInput],
        *,
        total: int | None = None,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        return_datasamples: bool = False,
        options: dict | None = None,
    ) -> dict | PredictionStream:
        """Predict, draw and write, in the way of all systems.

        Args:
            items (Iterable[NamedInput]): The inputs, resolved lazily.
            total (int, optional): How many there are, for the progress bar.
            out_dir (str | Path, optional): Write ``visualizations/``,
                ``predictions/NAME.json`` and ``results.json`` to this folder.
            draw (bool): Add ``visualization``, (h, w, 3) uint8 BGR, to each
                prediction. Defaults to False.
            show (bool): Show each drawn image in a window until a key is
                pressed. Defaults to False.
            stream (bool): Return an iterator instead, which computes a
                prediction when it is asked for. Defaults to False.
            return_datasamples (bool): Predictions are the host's data samples
                instead of dictionaries. Defaults to False.
            options (dict, optional): Of the system, for ``_predict`` and
                ``_draw``.

        Returns:
            dict | PredictionStream: ``predictions``, one for each input in
            order, and ``skipped``, a list of dicts of ``input`` and
            ``reason``; or, with ``stream``, an iterator over the predictions
            with ``skipped`` as its attribute.

        Raises:
            UserError: The only input cannot be used, or ``show`` finds no
                display.
        """
        if show:
            check_display()
        writer = None
        if out_dir is not None:
            writer = ResultWriter(out_dir, self.drawing_suffix)

        def run(skipped: list[dict]) -> Generator[Any, None, None]:
            prepared = self._prepare(options or {}, skipped)
            with self._results_listed(writer, skipped, prepared):
                samples = self._samples(items, total, prepared, skipped)
                for item, loaded, sample in samples:
                    drawn = None
                    try:
                        prediction = self._named(item, sample)
                        if draw or show or writer is not None:
                            drawn = self._draw(loaded, sample, prepared)
                    except SKIPPED_ERRORS as error:
                        if total == 1:
                            raise
                        skipped.append(skipped_entry(item, error))
                        continue
                    if writer is not None:
                        self._write(writer, item, prediction, drawn, prepared)
                    if show and drawn is not None:
                        show_image(drawn, item.name)
                    if draw:
                        prediction['visualization'] = drawn
                    yield sample if return_datasamples else prediction
            self._report_skipped(skipped)

        predictions = PredictionStream(run)
        if stream:
            return predictions
        return {
            'predictions': list(predictions),
            'skipped': predictions.skipped,
        }

    @contextmanager
    def _results_listed(
        self, writer: ResultWriter | None, skipped: list[dict], options: dict
    ) -> Iterator[None]:
        """Write ``results.json`` at the end, also if the run breaks off."""
        try:
            yield
        except BaseException:
            if writer is not None:  # list what was written so far
                writer.discard_video()
                with suppress(Exception):
                    self._finish(writer, skipped, options)
            raise
        if writer is not None:
            self._finish(writer, skipped, options)

    def _named(self, item: NamedInput, sample: Any) -> dict:
        """Return a sample's prediction, the input's names first."""
        names: dict[str, Any] = {'input': item.input, 'name': item.name}
        if item.frame_id is not None:
            names['frame_id'] = item.frame_id
        names |= item.details or {}
        return names | self._to_prediction(sample)

    def _samples(
        self,
        items: Iterable[NamedInput],
        total: int | None,
        options: dict,
        skipped: list[dict],
    ) -> Iterator[tuple[NamedInput, Any, Any]]:
        """Yield inputs, what was read of them, and the network's samples.

        A batch that fails is tried again one by one. What fails then is put
        into ``skipped``, unless it is the only input.
        """
        # nothing is caught of an input that is known to be the only one
        errors = () if total == 1 else SKIPPED_ERRORS
        first_error: Exception | None = None
        count = 0
        for batch in self._batches(self._progress(items, total)):
            for item, value, sample in self._try_batch(batch, options, errors):
                if isinstance(sample, Exception):
                    first_error = first_error or sample
                    skipped.append(skipped_entry(item, sample))
                else:
                    yield item, value, sample
                value = sample = None  # freed before the next batch is run
            count += len(batch)
        if first_error is not None and count == 1:
            raise first_error

    def _try_batch(
        self, batch: list[NamedInput], options: dict, errors: tuple
    ) -> list[tuple[NamedInput, Any, Any]]:
        """Return inputs, what was read and samples; errors in their place."""
        loaded = [self._try_load(item, errors) for item in batch]
        good = [x for x in loaded if not isinstance(x, Exception)]
        samples = iter(self._try_predict(good, options, errors))
        return [
            (item, x, x if isinstance(x, Exception) else next(samples))
            for item, x in zip(batch, loaded, strict=True)
        ]

    def _try_load(self, item: NamedInput, errors: tuple) -> Any:
        """Return what was read, or the error."""
        try:
            if isinstance(item.source, Exception):
                raise item.source
            return self._load(item)
        except errors as error:
            return _detached(error)

    def _try_predict(
        self, loaded: list[Any], options: dict, errors: tuple
    ) -> list[Any]:
        """Return samples, with the error in place of one that failed."""
        if not loaded:
            return []
        try:
            return self._predict(loaded, options)
        except errors as error:
            if len(loaded) == 1:
                return [_detached(error)]
        return [
            sample
            for value in loaded
            for sample in self._try_predict([value], options, errors)
        ]

    def _progress(
        self, items: Iterable[NamedInput], total: int | None
    ) -> Iterable[NamedInput]:
        """Show a progress bar with the time left, over more than one."""
        if not self.show_progress or total == 1:
            return items
        from rich.console import Console
        from rich.progress import track

        return track(
            items,
            type(self).__name__,
            total=total,
            console=Console(stderr=True),
        )

    def _batches(
        self, items: Iterable[NamedInput]
    ) -> Iterator[list[NamedInput]]:
        batch = []
        for item in items:
            batch.append(item)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch


def _detached(error: Exception) -> Exception:
    """Return an error without its frames, whose tensors it would keep."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def skipped_entry(item: NamedInput, error: Exception) -> dict:
    """Return the entry of ``skipped`` for an input that failed."""
    reason = ' '.join(str(error).split()) or type(error).__name__
    if not isinstance(error, UserError):
        reason = f'{type(error).__name__}: {reason}'
    reason = reason.removeprefix(f'{item.input}: ')
    entry: dict[str, Any] = {'input': item.input, 'reason': reason}
    if item.frame_id is not None:
        entry['frame_id'] = item.frame_id
    return entry | (item.details or {})
