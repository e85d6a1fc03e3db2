# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base of the try-on inferencers: pairs in, images and files out.

What runs the network is a session (:mod:`.pair_session`), which a subclass
makes. No PyTorch is imported.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...inferencer import Inferencer, PredictionStream
from ...utils.image_inputs import NamedInput
from ...utils.images import write_image
from ...utils.result_writer import ResultWriter
from .call import TryOnCall, new_sheet
from .inputs import has_generator, resolve_pairs, stream_pairs
from .pair_session import FindPerson, LoadedPair, PairSession
from .results import IMAGES, TryOnImages, try_on_file


class PairInferencer(Inferencer):
    """Base of the try-on inferencers; images are (h, w, 3) uint8 BGR.

    Inputs, options and results: :class:`mmfashion_ext.tryon.TryOnInferencer`.
    """

    def __call__(
        self,
        person: object,
        cloth: object,
        cloth_mask: object = None,
        *,
        out_dir: str | Path | None = None,
        pairs: str | Path | None = None,
        grid: bool = False,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        keep_arrays: bool = True,
        resume: bool = False,
        person_box: Sequence[float] | FindPerson | None = None,
    ) -> dict | PredictionStream:
        """Dress persons in garments.

        Arguments and result: see
        :class:`mmfashion_ext.tryon.TryOnInferencer`.

        Returns:
            dict | PredictionStream: ``predictions``, one for each pair of
            person and garment with ``try_on`` and ``warped_cloth`` (h, w, 3)
            uint8 BGR, and ``skipped``.

        Raises:
            UserError: An input is missing, the inputs do not fit together,
                the only pair fails, or ``show`` finds no display.
        """
        _check_options(out_dir, keep_arrays, resume)
        if stream and not (grid or pairs) and has_generator(person, cloth):
            request = stream_pairs(person, cloth, cloth_mask)
        else:
            request = resolve_pairs(
                person, cloth, cloth_mask, pairs=pairs, grid=grid
            )
        session = self._new_session()
        details = _set_person_box(session, person_box)
        call = TryOnCall(
            session,
            request,
            new_sheet(request) if grid else None,
            keep_arrays=keep_arrays,
            resume_from=out_dir if resume else None,
            read_strips=draw or show,
            details=details,
        )
        result = self._run(
            call.items(),
            total=request.total,
            out_dir=out_dir,
            draw=draw,
            show=show,
            stream=stream,
            options={'call': call},
        )
        return call.complete(result) if isinstance(result, dict) else result

    @abstractmethod
    def _new_session(self) -> PairSession:
        """Return a session whose caches live as long as one call."""

    def _load(self, item: NamedInput) -> LoadedPair | TryOnImages:
        call, pair = item.source
        return call.load(item, pair)

    def _predict(
        self, loaded: list[LoadedPair | TryOnImages], options: dict
    ) -> list[TryOnImages]:
        return options['call'].run(loaded)

    def _samples(
        self,
        items: Iterable[NamedInput],
        total: int | None,
        options: dict,
        skipped: list[dict],
    ) -> Iterator[tuple[NamedInput, Any, Any]]:
        """Yield the base's samples, then warn of what is not plausible."""
        yield from super()._samples(items, total, options, skipped)
        options['call'].warn_doubtful()

    def _to_prediction(self, sample: TryOnImages) -> dict:
        notes = {'notes': sample.notes} if sample.notes else {}
        return {**sample.arrays(), **notes}

    def _draw(
        self, loaded: Any, sample: TryOnImages, options: dict
    ) -> np.ndarray | None:
        return sample.strip

    def _write(
        self,
        writer: ResultWriter,
        item: NamedInput,
        prediction: dict,
        drawn: np.ndarray | None,
        options: dict,
    ) -> None:
        """Write the files of a pair, unless an earlier run has done it."""
        call: TryOnCall = options['call']
        file = try_on_file(item.name)
        if item.name in call.saved:
            writer.add(item, drawn=True, files=[file])
        else:
            write_image(writer.folder / file, prediction['try_on'])
            words = {k: v for k, v in prediction.items() if k not in IMAGES}
            writer.write(item, {**words, 'try_on_file': file}, drawn, [file])
        if not call.keep_arrays:
            for name in IMAGES:
                prediction.pop(name, None)

    def _finish(
        self, writer: ResultWriter, skipped: list[dict], options: dict
    ) -> None:
        """Write ``results.json`` and the contact sheet."""
        call: TryOnCall = options['call']
        call.sort(writer.results, 'name')
        call.sort(skipped, 'input')
        if call.sheet is not None:
            write_image(
                writer.folder / 'grid.jpg', call.draw_sheet(call.sheet)
            )
        writer.finish(skipped)


def _check_options(
    out_dir: str | Path | None, keep_arrays: bool, resume: bool
) -> None:
    if resume and out_dir is None:
        raise UserError('resume=True needs the out_dir of the earlier run')
    if not keep_arrays and out_dir is None:
        raise UserError(
            'keep_arrays=False without out_dir would return and write no '
            'image; pass out_dir, or leave out keep_arrays'
        )


def _set_person_box(
    session: PairSession, person_box: Sequence[float] | FindPerson | None
) -> dict[str, Any]:
    """Tell a session where the persons are; see the inferencer.

    Returns:
        dict: What results of other boxes are told apart by.

    Raises:
        UserError: The box is not one, or the network cannot use it.
    """
    if person_box is None:
        return {}
    if not (session.keeps_photograph and session.size):
        raise UserError(
            'person_box needs a network that keeps the photograph, such as '
            'pf-afn-mobile_*; crop the photographs for others'
        )
    if callable(person_box):
        session.find_person = person_box
        return {'person_box': 'found'}
    box = [float(side) for side in person_box]
    if len(box) != 4:
        raise UserError(f'person_box: expected x1, y1, x2, y2 px, got {box}')
    session.find_person = lambda image: box
    return {'person_box': box}
