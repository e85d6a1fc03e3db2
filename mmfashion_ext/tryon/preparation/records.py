# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What preparation knows of each photograph, kept for a run that resumes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...errors import UserError
from ...formats.viton.garment_classes import GarmentClass
from ...utils.files import read_json, write_json

Kind = Literal['person', 'cloth']
FILE_NAME = 'prepared.json'


@dataclass
class Record:
    """A photograph of a person or a garment.

    Attributes:
        kind (str): ``'person'`` or ``'cloth'``.
        name (str): Name of its file.
        source (str): Path that it was read from.
        version (str): Size and time of the file, and the settings that it was
            prepared with.
        classes (list[str]): Of a garment its class; of a person those of the
            worn garments, empty if they are not known.
        reason (str): Why it cannot be used; empty if it can.
        notes (list[str]): What is unusual about it.
    """

    kind: Kind
    name: str
    source: str
    version: str
    classes: list[GarmentClass] = field(default_factory=list)
    reason: str = ''
    notes: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The line of a report."""
        if self.reason:
            return f'{self.source}: unusable, {self.reason}'
        return f'{self.source}: {"; ".join(self.notes)}'


class Records:
    """The records of a folder; written after each change.

    Args:
        out (Path): Folder of the prepared dataset.

    Raises:
        UserError: Its file is not one of preparation.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / FILE_NAME
        self._old: dict[tuple[str, str], Record] = {}
        self.new: list[Record] = []
        if self.path.is_file():
            self._old = _read(self.path)

    def finished(self, kind: Kind, source: str, version: str) -> Record | None:
        """Return the record of an earlier run with the same version."""
        found = self._old.get((kind, source))
        return found if found and found.version == version else None

    def add(self, record: Record) -> None:
        """Add a record, and write all of them; earlier ones are kept."""
        self.new.append(record)
        later: dict[tuple[str, str], Record] = {
            (r.kind, r.source): r for r in self.new
        }
        every: dict[tuple[str, str], Record] = {**self._old, **later}
        write_json(self.path, [asdict(r) for r in every.values()])

    def finish(self) -> None:
        """Write the records of this run alone."""
        write_json(self.path, [asdict(r) for r in self.new])


def version_of(path: Path, settings: Mapping[str, Any]) -> str:
    """Return what changes if a file or the settings change."""
    status = path.stat()
    chosen = ', '.join(f'{k}={v}' for k, v in sorted(settings.items()))
    return f'{status.st_size} bytes, {status.st_mtime_ns}, {chosen}'


def _read(path: Path) -> dict[tuple[str, str], Record]:
    content = read_json(path, 'file of an earlier run')
    try:
        records = [Record(**entry) for entry in content]
    except TypeError:
        raise UserError(
            f'{path} is not the file of an earlier run; remove it, or name '
            'another folder'
        ) from None
    return {(r.kind, r.source): r for r in records}
