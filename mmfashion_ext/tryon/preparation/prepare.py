# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Prepare photographs of persons and garments as a dataset of try-on.

Written is the layout ``folder``: ``persons``, ``clothes``, ``masks``, with a
parser ``parses``, with a pose model ``poses``, and ``pairs.txt`` with the
class of each garment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import UserError, describe
from ...formats.image_files import reason_of
from ...formats.viton.cloth_mask import make_mask
from ...formats.viton.files import check_size, read_mask, read_rgb
from ...formats.viton.garment_classes import GARMENT_CLASSES, GarmentClass
from ...formats.viton.layout import LAYOUTS
from ...formats.viton.pairs_file import read_pairs
from ...formats.viton.plausibility import doubt_mask, doubt_pose
from ...utils.files import atomic_write, make_folder, write_json
from ...utils.images import find_images, write_image
from ...utils.progress import show_progress
from .joints import pose_file
from .records import Kind, Record, Records, version_of
from .sheet import write_overview
from .worn_garments import SCORE_THR, WornGarments

_FOLDERS = LAYOUTS['folder', 'train'].folders
#: Least height and width of a photograph, px.
MIN_SIDE = 64
#: Share of a photograph that the worn garments cover at least.
_MIN_WORN = 0.02


@dataclass(frozen=True)
class Preparation:
    """How photographs are prepared.

    Attributes:
        parser (Callable, optional): Image (h, w, 3) BGR uint8 -> prediction
            of a detector with masks, see :class:`WornGarments`. None: no
            parse maps.
        pose (Callable, optional): Image (h, w, 3) BGR uint8 -> joints (18, 3)
            px. None: no poses.
        masks (Path, optional): Folder of masks of garments, by their names.
        cloth_class (str): Class of garments that lie in no folder of a class.
        score_thr (float): Least score of a worn garment.
        crop (bool): Crop each person to 3:4, which needs a parser.
        settings (dict): Names of the models, for a run that resumes.
    """

    parser: Callable[[np.ndarray], dict] | None = None
    pose: Callable[[np.ndarray], np.ndarray] | None = None
    masks: Path | None = None
    cloth_class: GarmentClass = 'upper_body'
    score_thr: float = SCORE_THR
    crop: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


class Prepared(NamedTuple):
    """What was prepared.

    Attributes:
        records (list[Record]): Of all photographs.
        pairs (list[tuple[str, str, str]]): Person, garment and its class.
        paired (bool): Whether the persons wear the garments.
    """

    records: list[Record]
    pairs: list[tuple[str, str, GarmentClass]]
    paired: bool


def prepare(
    persons: Path,
    clothes: Path,
    out: Path,
    how: Preparation,
    pairs_file: Path | None = None,
) -> Prepared:
    """Prepare photographs; a run that was stopped continues.

    Args:
        persons (Path): Folder of photographs of persons.
        clothes (Path): Folder of photographs of garments, or of folders
            ``upper_body``, ``lower_body``, ``dresses`` of them.
        out (Path): Folder to write.
        how (Preparation): Models and options.
        pairs_file (Path, optional): Lines ``person.jpg cloth.jpg``, perhaps
            with a class. None: persons and garments of one name, or if there
            are none, each person with each garment.

    Returns:
        Prepared: All photographs, with reasons for those that are unusable.

    Raises:
        UserError: A folder is missing or empty, no photograph or pair can be
            used, or ``out`` is another kind of folder.
    """
    if how.crop and how.parser is None:
        raise UserError('cropping needs a parser that finds the garments')
    garments = find_garments(clothes, how.cloth_class)
    photographs = find_images(persons)
    masks = {p.stem: p for p in find_images(how.masks)} if how.masks else {}
    listed = read_pairs(pairs_file) if pairs_file else None
    make_folder(out)
    records = Records(out)
    for path, cloth_class in show_progress(
        garments, 'garments', len(garments)
    ):
        garment = _Garment(path, cloth_class, masks.get(path.stem))
        _run(garment, out, how, records)
    for path in show_progress(photographs, 'persons', len(photographs)):
        _run(_Person(path), out, how, records)
    records.finish()
    pairs, paired = _pair(records.new, listed)
    lines = [f'{person}\t{cloth}\t{name}\n' for person, cloth, name in pairs]
    with atomic_write(out / 'pairs.txt') as temporary:
        temporary.write_text(''.join(lines), encoding='utf-8')
    write_json(
        out / 'unusable.json',
        {r.source: r.reason for r in records.new if r.reason},
    )
    write_overview(out, records.new)
    return Prepared(records.new, pairs, paired)


def find_garments(
    folder: Path, cloth_class: GarmentClass
) -> list[tuple[Path, GarmentClass]]:
    """Return the photographs of garments and their classes.

    Args:
        folder (Path): With folders of classes, or with images.
        cloth_class (str): Class of images in no such folder.

    Raises:
        UserError: There is no image.
    """
    found: list[tuple[Path, GarmentClass]] = []
    for name in GARMENT_CLASSES:
        if (folder / name).is_dir():
            found += [(path, name) for path in find_images(folder / name)]
    if found:
        return found
    return [(path, cloth_class) for path in find_images(folder)]


@dataclass(frozen=True)
class _Garment:
    """Photograph of a garment."""

    path: Path
    cloth_class: GarmentClass
    mask: Path | None
    kind: Kind = 'cloth'

    def version(self, how: Preparation) -> str:
        """Return what changes if the garment is to be prepared again."""
        mask = version_of(self.mask, {}) if self.mask else None
        settings = {'class': self.cloth_class, 'mask': mask}
        return version_of(self.path, settings)

    def prepare(self, out: Path, how: Preparation, record: Record) -> None:
        """Write the garment and its mask, or raise what is wrong."""
        record.classes = [self.cloth_class]
        cloth = _read(self.path)
        if self.mask is None:
            mask = make_mask(cloth, str(self.path))
        else:
            mask = read_mask(self.mask)
            check_size(self.mask, mask, self.path, cloth)
        doubts = [f'its mask {doubt}' for doubt in doubt_mask(mask, cloth)]
        if doubts and self.mask is None:
            raise UserError(f'{self.path}: {doubts[0]}; give a mask')
        record.notes = doubts
        stem = self.path.stem
        write_image(out / _FOLDERS['cloth_mask'] / f'{stem}.png', mask)
        _copy(self.path, out / _FOLDERS['cloth'] / self.path.name)


@dataclass(frozen=True)
class _Person:
    """Photograph of a person."""

    path: Path
    kind: Kind = 'person'

    def version(self, how: Preparation) -> str:
        """Return what changes if the person is to be prepared again."""
        settings = {'crop': how.crop, 'score_thr': how.score_thr}
        return version_of(self.path, {**how.settings, **settings})

    def prepare(self, out: Path, how: Preparation, record: Record) -> None:
        """Write the person, parse map and pose, or raise what is wrong."""
        image = np.ascontiguousarray(_read(self.path)[..., ::-1])
        stem = self.path.stem
        region = slice(None), slice(None)
        parse = None
        if how.parser is not None:
            worn = WornGarments.of(how.parser(image), how.score_thr)
            if not worn.classes:
                raise UserError(
                    f'{self.path}: the parser finds no garment on the person'
                )
            parse, record.classes = worn.parse_map(), worn.classes
            region = worn.region() if how.crop else region
            image, parse = image[region], parse[region]
            share = (parse > 0).mean()
            if share < _MIN_WORN:
                record.notes.append(
                    f'the person is small, the garments cover {share:.1%} of '
                    'the photograph: crop it'
                )
        if how.pose is not None:
            joints = how.pose(image)
            body = None if parse is None else parse > 0
            h, w = image.shape[:2]
            doubts = doubt_pose(joints, (h, w), body)
            record.notes += [f'its pose {doubt}' for doubt in doubts]
            path = out / _FOLDERS['pose'] / f'{stem}_keypoints.json'
            write_json(path, pose_file(joints))
        if parse is not None:
            write_image(out / _FOLDERS['parse'] / f'{stem}.png', parse)
        if how.crop:
            record.name = f'{stem}.png'
            write_image(out / _FOLDERS['person'] / record.name, image)
        else:
            _copy(self.path, out / _FOLDERS['person'] / self.path.name)


def _run(
    item: _Garment | _Person, out: Path, how: Preparation, records: Records
) -> None:
    """Prepare a photograph, unless an earlier run has done it."""
    source, version = str(item.path), item.version(how)
    record = Record(item.kind, item.path.name, source, version)
    same = [r for r in records.new if r.kind == item.kind]
    stems = {Path(r.name).stem: r.source for r in same}
    if item.path.stem in stems:
        first = stems[item.path.stem]
        record.reason = f'{first} has the same name: rename one of them'
        records.add(record)
        return
    earlier = records.finished(item.kind, source, version)
    if earlier is not None and _is_complete(out, earlier):
        records.add(earlier)
        return
    try:
        item.prepare(out, how, record)
    except UserError as error:
        record.reason = reason_of(error, item.path)
        # of an earlier run with other settings
        (out / _FOLDERS[item.kind] / record.name).unlink(missing_ok=True)
    records.add(record)


def _is_complete(out: Path, record: Record) -> bool:
    """Return whether the last file of a photograph was written."""
    return bool(record.reason) or (
        (out / _FOLDERS[record.kind] / record.name).is_file()
    )


def _read(path: Path) -> np.ndarray:
    """Read a photograph: (h, w, 3) RGB uint8.

    Raises:
        UserError: It cannot be read, or is too small.
    """
    image = read_rgb(path)
    h, w = image.shape[:2]
    if min(h, w) < MIN_SIDE:
        raise UserError(
            f'{path}: {w} x {h} px, expected {MIN_SIDE} x {MIN_SIDE} or more'
        )
    return image


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        temporary.write_bytes(source.read_bytes())


def _pair(
    records: Sequence[Record], listed: Sequence[Any] | None
) -> tuple[list[tuple[str, str, GarmentClass]], bool]:
    """Return the pairs of what is usable, and whether they are worn.

    Raises:
        UserError: Nothing is left.
    """
    usable = [record for record in records if not record.reason]
    persons = {r.name: r for r in usable if r.kind == 'person'}
    clothes = {r.name: r for r in usable if r.kind == 'cloth'}
    for name, found in (('person', persons), ('garment', clothes)):
        if not found:
            kind = 'person' if name == 'person' else 'cloth'
            reasons = [r.line for r in records if r.kind == kind]
            raise UserError(f'no {name} can be used: {describe(reasons)}')
    by_stem = {Path(name).stem: name for name in persons}
    if listed is not None:
        known = {Path(r.source).name for r in records}
        named = [name for p in listed for name in (p.person, p.cloth)]
        if missing := [name for name in named if name not in known]:
            raise UserError(
                f'the file of pairs names {len(missing)} images that do not '
                f'exist: {describe(missing)}'
            )
        pairs = [
            (by_stem.get(Path(p.person).stem, ''), p.cloth, p.cloth_class)
            for p in listed
        ]
    else:
        stems = {Path(name).stem: name for name in clothes}
        pairs = [
            (person, stems[stem], None)
            for stem, person in by_stem.items()
            if stem in stems
        ]
    worn = {(by_stem.get(Path(c).stem), c) for c in clothes}
    if not pairs:
        pairs = [(p, c, None) for p in persons for c in clothes]
    kept = [
        (person, cloth, name or clothes[cloth].classes[0])
        for person, cloth, name in pairs
        if person in persons and cloth in clothes
    ]
    if not kept:
        raise UserError('no pair of the file has a usable person and garment')
    return kept, all((person, cloth) in worn for person, cloth, _ in kept)
