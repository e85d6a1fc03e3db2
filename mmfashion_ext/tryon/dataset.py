# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of try-on pairs: VITON, VITON-HD, DressCode or a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from mmengine.dataset import BaseDataset

from ..errors import UserError, describe
from ..formats.viton.check import find_splits
from ..formats.viton.constants import ParseLabels
from ..formats.viton.files import label_set
from ..formats.viton.garment_classes import GarmentClass, check_class
from ..formats.viton.layout import FileKind, LayoutName, TryOnSplit
from ..formats.viton.pairs import TryOnFiles
from ..formats.viton.pairs_file import TryOnPair
from ..registry import DATASETS
from ..utils.seeded_index import SeededIndex
from ..utils.skipped import warn_named
from .worker_generator import WorkerGenerator

_TOOL = 'tools/dataset_converters/viton.py'

Annotation = Literal['parse', 'pose', 'densepose', 'flow', 'truth']


@DATASETS.register_module()
class TryOnDataset(BaseDataset):
    """Dataset of pairs of a person image and a cloth image, (h, w, 3) each.

    Keys of a sample before the pipeline: ``person_path``, ``cloth_path``,
    ``cloth_mask_path`` (None: :class:`LoadTryOn` computes the mask), and as
    far as selected ``parse_path``, ``pose_path``, ``densepose_path``,
    ``flow_path``, ``unpaired_cloth_path``, ``unpaired_cloth_mask_path``;
    ``parse_labels``, ``person_name``, ``cloth_name`` (file names) and
    ``cloth_class`` (``'upper_body'``, ``'lower_body'`` or ``'dresses'``).

    ``metainfo``: ``dataset`` (the layout), ``split`` and ``paired``, whether
    the cloth of each pair is the one that the person wears.

    Every sample is used, for any number of processes. The unpaired cloth is
    drawn at each access, from all cloths of the class (it may be the worn one,
    as published): by the seed of the index, if it has one (the runner of the
    tools sees to it, so that a resumed training draws as an unbroken one),
    else by a generator that differs between workers, epochs and processes
    and is seeded by the run's seed.

    Args:
        data_root (str): Folder of the dataset, see ``docs/datasets.md``.
        layout (str): ``'viton'``, ``'viton-hd'``, ``'dresscode'`` or
            ``'folder'``.
        split (str): ``'train'`` or ``'test'``; not used by layout
            ``'folder'``.
        paired (bool, optional): True: each person with the worn cloth.
            False: the pairs of the pairs file. None: those, if
            ``pairs_file`` is given or the layout's own file exists; only
            tests and folders have one.
        pairs_file (str, optional): File with lines ``person.jpg cloth.jpg``,
            relative to ``data_root``.
        pairing (str): How the worn cloth is found. ``'name'``: by its file
            name. ``'rank'``: by its index in the sorted folder, as published;
            needs folders without other files.
        unpaired (str, optional): ``'random'``: add an unpaired cloth to each
            sample.
        annotations (Sequence[str], optional): Annotations to load, among
            ``'parse'``, ``'pose'``, ``'densepose'`` and ``'flow'``. None:
            those that have a folder, in training at least the first three.
            ``flow`` exists for the worn cloth only. ``'truth'``, of synthetic
            tests with ``paired=False``: the person in the other cloth
            (``truth_path``), and the ``flow`` of that.
        reverse (bool): With ``'truth'``: add to each pair its reverse, the
            person in the other cloth as the person, the worn cloth as the
            cloth and the photograph as the truth. Defaults to False.
        parse_labels (str, optional): Set of the parse maps' labels:
            ``'viton'``, ``'lip'``, ``'atr'`` or ``'cihp'``. None: that of the
            layout.
        classes (Sequence[str], optional): Garment classes to use. None: all
            that there are. VITON has tops only, a folder what the third
            column of its pairs file says, DressCode a folder for each class.
        pipeline (Sequence): Transforms of a sample.
        **kwargs: Further arguments of MMEngine's ``BaseDataset``.

    Raises:
        UserError: An argument has another value, ``paired`` contradicts
            ``pairs_file``, or files are missing.
    """

    def __init__(
        self,
        data_root: str,
        layout: LayoutName = 'viton',
        split: TryOnSplit = 'train',
        paired: bool | None = None,
        pairs_file: str | None = None,
        pairing: Literal['name', 'rank'] = 'name',
        unpaired: Literal['random'] | None = None,
        annotations: Sequence[Annotation] | None = None,
        parse_labels: ParseLabels | None = None,
        reverse: bool = False,
        classes: Sequence[GarmentClass] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        if pairing not in ('name', 'rank'):
            raise UserError(
                f"pairing must be 'name' or 'rank', got {pairing!r}"
            )
        if unpaired not in ('random', None):
            raise UserError(
                f"unpaired must be 'random' or None, got {unpaired!r}"
            )
        if paired and pairs_file:
            raise UserError(
                f'paired=True works without pairs_file, got {pairs_file!r}: '
                'remove one of the two'
            )
        if parse_labels is not None:
            label_set(parse_labels)
        if reverse and 'truth' not in (annotations or ()):
            raise UserError(
                "reverse=True needs annotations=['truth'], got "
                f'annotations={annotations!r}'
            )
        self.layout: LayoutName = layout
        self.split: TryOnSplit = split
        self.parse_labels = parse_labels
        self.classes = (
            None if classes is None else [*map(check_class, classes)]
        )
        self.paired = paired
        self.pairs_file = pairs_file
        self.pairing = pairing
        self.unpaired = unpaired
        self.annotations = annotations
        self.reverse = reverse
        self._generator = WorkerGenerator()
        self._pools: dict[str, list[int]] | None = None
        kwargs.setdefault('test_mode', split == 'test')
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Find the pairs and their files.

        Returns:
            list[dict]: Keys of each sample, see the class.

        Raises:
            UserError: A file is missing.
        """
        samples: list[dict] = []
        paired = True
        for files in self._parts():
            found, worn = self._load_part(files)
            samples += [
                sample
                for sample in found
                if self.classes is None
                or sample['cloth_class'] in self.classes
            ]
            paired = paired and worn
        if not samples:
            raise UserError(
                f'{self.data_root} has no pairs of the classes {self.classes}'
            )
        self._metainfo.update(
            dataset=self.layout, split=self.split, paired=paired
        )
        return samples

    def _parts(self) -> list[TryOnFiles]:
        """Return the files of the split, of DressCode those of each class.

        Raises:
            UserError: A folder is missing.
        """
        root = Path(self.data_root)
        plain = TryOnFiles(root, self.layout, self.split, self.parse_labels)
        if not plain.layout.by_class:
            return [plain]
        if self.classes is not None:
            return [replace(plain, cloth_class=name) for name in self.classes]
        found = find_splits(root, self.layout, self.split)
        return [replace(plain, cloth_class=f.cloth_class) for f in found]

    def _load_part(self, files: TryOnFiles) -> tuple[list[dict], bool]:
        """Return the samples of a part, and whether they are paired.

        Raises:
            UserError: A file is missing.
        """
        listed = self._find_pairs_file(files)
        if listed:
            pairs = files.read_pairs(listed)
        elif self.pairing == 'rank':
            pairs = files.pairs_by_rank()
        else:
            pairs = files.pairs_by_name()
        paired = not listed or self._are_paired(files, pairs)
        kinds: list[FileKind] = [
            'person',
            'cloth',
            'cloth_mask',
            *self._kinds(files),
        ]
        if not paired and 'flow' in kinds:
            kinds.remove('flow')
        if 'truth' in kinds:
            self._check_truth(files, listed)
        columns = {kind: self._find(files, kind, pairs) for kind in kinds}
        if 'truth' in kinds:
            columns['flow'] = self._find(files, 'truth_flow', pairs)
        samples = self._samples(files, pairs, columns)
        if self.reverse:
            samples += self._reversed(files, pairs, columns)
        return samples, paired

    def _samples(
        self,
        files: TryOnFiles,
        pairs: Sequence[TryOnPair],
        columns: Mapping[FileKind, Sequence[Path | None]],
    ) -> list[dict]:
        """Return the keys of the samples, see the class."""
        return [
            {
                'person_name': pair.person,
                'cloth_name': pair.cloth,
                'cloth_class': pair.cloth_class or files.cloth_class,
                'parse_labels': files.labels,
                **{
                    f'{kind}_path': str(path) if path else None
                    for kind, path in zip(columns, paths, strict=True)
                },
            }
            for pair, *paths in zip(pairs, *columns.values(), strict=True)
        ]

    def _reversed(
        self,
        files: TryOnFiles,
        pairs: Sequence[TryOnPair],
        columns: Mapping[FileKind, Sequence[Path | None]],
    ) -> list[dict]:
        """Return samples that put the worn cloth back on."""
        worn = files.worn()
        lacking = [p.person for p in pairs if worn[p.person] is None]
        pairs = [
            pair._replace(cloth=cloth)
            for pair in pairs
            if (cloth := worn[pair.person]) is not None
        ]
        if lacking:
            raise UserError(
                f'reverse=True needs the worn garments; {len(lacking)} are '
                f'missing: {describe(lacking)}'
            )
        changed: dict[FileKind, Sequence[Path | None]] = {**columns}
        changed['person'], changed['truth'] = (
            columns['truth'],
            columns['person'],
        )
        kinds: list[FileKind] = ['cloth', 'cloth_mask', 'flow']
        for kind in kinds:
            changed[kind] = self._find(files, kind, pairs)
        return self._samples(files, pairs, changed)

    def _find_pairs_file(self, files: TryOnFiles) -> Path | None:
        """Return the pairs file to use; None for pairs with the worn cloth."""
        if self.paired:
            return None
        found = files.pairs_file(self.pairs_file)
        if found is None and self.paired is False:
            raise UserError(
                f'{files.base} has no pairs file '
                f'({files.layout.pairs}), and paired=False needs one: '
                'write lines person.jpg cloth.jpg to a file and set '
                'pairs_file to it'
            )
        return found

    def _check_truth(self, files: TryOnFiles, listed: Path | None) -> None:
        """Check that the pairs are those of which the layout has the truth."""
        if 'truth' not in files.layout.folders:
            raise UserError(
                "annotations: 'truth' is in the test set of layout 'viton' "
                f'only, got layout {files.layout_name!r}, {files.split}'
            )
        layout_pairs = files.pairs_file(None)
        if listed is None or listed != layout_pairs:
            raise UserError(
                f"annotations: 'truth' exists for the pairs of {layout_pairs} "
                f'only, got {listed or "the garments worn"}: set paired=False '
                'and remove pairs_file'
            )

    @staticmethod
    def _are_paired(files: TryOnFiles, pairs: Sequence[TryOnPair]) -> bool:
        """Return whether each cloth is the one that the person wears."""
        worn = files.worn()
        return all(worn[pair.person] == pair.cloth for pair in pairs)

    def _kinds(self, files: TryOnFiles) -> Sequence[FileKind]:
        """Return the annotations to load."""
        if self.annotations is not None:
            return self.annotations
        return files.person_kinds(files.split == 'train')

    @staticmethod
    def _find(
        files: TryOnFiles, kind: FileKind, pairs: Sequence[TryOnPair]
    ) -> list[Path | None]:
        """Find the file of each pair; masks may be missing."""
        paths = [files.find(kind, pair) for pair in pairs]
        missing = [
            pair.cloth if kind == 'cloth_mask' else pair.person
            for pair, path in zip(pairs, paths, strict=True)
            if path is None
        ]
        folder = files.folder(kind)
        tool = f'{_TOOL} {files.root} --layout {files.layout_name}'
        if missing and kind == 'cloth_mask':
            warn_named(
                f'{folder} lacks the masks of {len(missing)} of {len(pairs)} '
                'clothes',
                missing,
                '. GrabCut computes them at every access; compute them once: '
                f'{tool} --make-masks',
            )
        elif missing:
            raise UserError(
                f'{folder} lacks the {kind} of {len(missing)} of '
                f'{len(pairs)} persons: {describe(missing)}; {tool} --check '
                'lists all. If the model does not need them, set annotations='
                f'[...] of the dataset without {kind!r}'
            )
        return paths

    def get_data_info(self, idx: int) -> dict:
        """Return the keys of a sample before its pipeline, see the class."""
        info = super().get_data_info(idx)
        if self.unpaired:
            rng = self._generator()
            if isinstance(idx, SeededIndex):
                rng = idx.rng()
            pool = self._same_class(info['cloth_class'])
            drawn = int(rng.integers(len(pool)))
            other = super().get_data_info(pool[drawn])
            for kind in ('cloth_path', 'cloth_mask_path'):
                info[f'unpaired_{kind}'] = other[kind]
        return info

    def _same_class(self, name: str) -> Sequence[int]:
        """Return the indices of the samples of a class."""
        if self._pools is None or sum(map(len, self._pools.values())) != len(
            self
        ):
            pools: dict[str, list[int]] = {}
            for index in range(len(self)):
                other = super().get_data_info(index)
                pools.setdefault(other['cloth_class'], []).append(index)
            self._pools = pools
        return self._pools[name]
