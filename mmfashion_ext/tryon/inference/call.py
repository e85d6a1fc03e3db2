# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""State of one call of the try-on inferencer: pairs, caches, contact sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.image_inputs import NamedInput
from ...utils.skipped import warn_named
from .contact_sheet import ContactSheet
from .inputs import TryOnPair, TryOnRequest
from .pair_session import LoadedPair, PairSession
from .results import TryOnImages, find_saved


@dataclass
class TryOnCall:
    """One call of the try-on inferencer: its pairs, options and progress.

    Attributes:
        session (PairSession): Runs the pairs.
        request (TryOnRequest): The pairs.
        sheet (ContactSheet, optional): Of a grid.
        keep_arrays (bool): Return images.
        resume_from (str | Path, optional): Folder of an earlier run whose
            results are kept.
        read_strips (bool): Read the strips of an earlier run.
        saved (set[str]): Names of the pairs that an earlier run has done.
        doubtful (dict[str, str]): Garment -> what is not plausible about its
            mask.
        details (dict): Options that a run must share with the earlier one.
    """

    session: PairSession
    request: TryOnRequest
    sheet: ContactSheet | None = None
    keep_arrays: bool = True
    resume_from: str | Path | None = None
    read_strips: bool = False
    saved: set[str] = field(default_factory=set)
    doubtful: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def items(self) -> Iterator[NamedInput]:
        """Yield the pairs as inputs, in the order of running."""
        for pair in self.session.order(self.request.pairs):
            details = {
                'person': pair.person.input,
                'cloth': pair.cloth.input,
                **self.details,
            }
            yield NamedInput(
                pair.input, pair.name, (self, pair), details=details
            )

    def load(
        self, item: NamedInput, pair: TryOnPair
    ) -> LoadedPair | TryOnImages:
        """Read the images of a pair, or its results from an earlier run.

        Args:
            item (NamedInput): The pair as an input of the inferencer.
            pair (TryOnPair): The pair.

        Returns:
            LoadedPair | TryOnImages: Arrays (h, w, ...) to be run, or results
            (h, w, 3) that are complete.
        """
        if self.resume_from is not None:
            images = find_saved(
                self.resume_from,
                item,
                try_on=self.keep_arrays or self.sheet is not None,
                strip=self.read_strips,
            )
            if images is not None:
                self.saved.add(item.name)
                self._show(pair, images)
                return images
        return self.session.load(pair)

    def run(
        self, loaded: Sequence[LoadedPair | TryOnImages]
    ) -> list[TryOnImages]:
        """Run the pairs of a batch that no earlier run has done.

        Args:
            loaded (Sequence): B pairs or their results, see :meth:`load`.

        Returns:
            list[TryOnImages]: B, with images (h, w, 3) uint8 BGR.
        """
        fresh = [x for x in loaded if isinstance(x, LoadedPair)]
        outputs = self.session.run(fresh)
        made = []
        for pair, output in zip(fresh, outputs, strict=True):
            images = self.session.to_images(output)
            images.notes = pair.notes
            if pair.whole is not None:
                images.put_back(pair.whole)
            masks = [n for n in pair.notes if n.startswith('the mask')]
            if masks:
                self.doubtful[pair.pair.cloth.input] = '; '.join(masks)
            made.append(images)
            self._show(pair.pair, images)
        new = iter(made)
        return [x if isinstance(x, TryOnImages) else next(new) for x in loaded]

    def _show(self, pair: TryOnPair, images: TryOnImages) -> None:
        """Put a try-on on the contact sheet, if there is one."""
        if self.sheet is not None and images.try_on is not None:
            self.sheet.add(pair.person.index, pair.cloth.index, images.try_on)

    def draw_sheet(self, sheet: ContactSheet) -> np.ndarray:
        """Draw the contact sheet with the persons and garments themselves.

        Args:
            sheet (ContactSheet): With the try-ons.

        Returns:
            np.ndarray: (H, W, 3) uint8 BGR.
        """
        for person in self.request.persons:
            sheet.add_source(person.index, -1, person.source)
        for cloth in self.request.clothes:
            sheet.add_source(-1, cloth.index, cloth.source)
        for pair in self.request.pairs:
            sheet.mark(pair.person.index, pair.cloth.index, 'no result')
        return sheet.draw()

    def warn_doubtful(self) -> None:
        """Warn in one line of masks that are not plausible, if any."""
        warn_named(
            f'{len(self.doubtful)} garments with masks that are not plausible',
            [f'{name}: {notes}' for name, notes in self.doubtful.items()],
            '; look at visualizations or pass other masks',
            separator='; ',
        )

    def complete(self, result: dict) -> dict:
        """Sort the result of a call, and add its contact sheet.

        Args:
            result (dict): ``predictions`` and ``skipped`` in the order of
                running.

        Returns:
            dict: The same, in the order wanted; of a grid also ``grid``,
            (H, W, 3) uint8 BGR.
        """
        self.sort(result['predictions'], 'name')
        self.sort(result['skipped'], 'input')
        if self.sheet is not None:
            result['grid'] = self.draw_sheet(self.sheet)
        return result

    def sort(self, entries: list[dict], key: str) -> None:
        """Sort entries of pairs into the order wanted, from that of running.

        Args:
            entries (list[dict]): Predictions or skipped pairs.
            key (str): ``'name'`` or ``'input'``, whichever they have.
        """
        if isinstance(self.request.pairs, Sequence):
            order: dict[str, int] = {}
            for pair in self.request.pairs:
                order.setdefault(getattr(pair, key), pair.index)
            entries.sort(key=lambda entry: order[entry[key]])


def new_sheet(request: TryOnRequest) -> ContactSheet:
    """Return an empty contact sheet for a request.

    Args:
        request (TryOnRequest): P persons and G garments.

    Returns:
        ContactSheet: With (P + 1, G + 1) cells.
    """
    return ContactSheet(
        len(request.persons),
        len(request.clothes),
        [person.name for person in request.persons],
        [cloth.name for cloth in request.clothes],
    )
