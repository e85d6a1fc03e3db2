# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Persons and garments of VITON, VITON-HD or a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank
from torch.utils.data import get_worker_info

from ..errors import UserError, describe
from ..formats.viton.layout import FileKind, LayoutName, TryOnSplit
from ..formats.viton.pairs import TryOnFiles, TryOnPair
from ..registry import DATASETS
from ..utils.skipped import warn_named

_TOOL = 'tools/dataset_converters/viton.py'

Annotation = Literal['parse', 'pose', 'densepose', 'flow', 'truth']


@DATASETS.register_module()
class TryOnDataset(BaseDataset):
    """Pairs of a person and a garment.

    An item before its pipeline: ``person_path``, ``cloth_path``,
    ``cloth_mask_path`` (None: to be made by GrabCut), and where they are
    delivered ``parse_path``, ``pose_path``, ``densepose_path``,
    ``flow_path``, ``unpaired_cloth_path``, ``unpaired_cloth_mask_path``;
    ``parse_labels``, ``person_name``, ``cloth_name`` (file names).

    ``metainfo``: ``dataset`` (the layout), ``split`` and ``paired``: whether
    each person comes with the garment worn.

    Every item of the data set is used, however many processes there are. The
    garment of an unpaired item is drawn anew at each access, from all (it may
    be the one worn, as published), by a generator that differs between
    workers, epochs and processes and follows from the run's seed.

    Args:
        data_root (str): Folder of the data set, see ``docs/datasets.md``.
        layout (str): ``'viton'``, ``'viton-hd'`` or ``'folder'``.
        split (str): ``'train'`` or ``'test'``; of no effect on a folder.
        paired (bool, optional): True: each person with the garment worn.
            False: the pairs of the pairs file. None: those, if
            ``pairs_file`` is given or the layout's own is there; only tests
            and folders have their own.
        pairs_file (str, optional): Lines ``person.jpg cloth.jpg``; below
            ``data_root``.
        pairing (str): How the garment worn is found. ``'name'``: by its file
            name. ``'rank'``: by its place in the sorted folder, as published;
            needs folders without a stray file.
        unpaired (str, optional): ``'random'``: deliver another garment with
            each item.
        annotations (Sequence[str], optional): What to deliver of ``'parse'``,
            ``'pose'``, ``'densepose'`` and ``'flow'``. None: what has a
            folder, in training at least the first three. ``flow`` comes with
            the garment worn only. ``'truth'``, of synthetic tests with
            ``paired=False``: the person in the other garment
            (``truth_path``), and the ``flow`` of that.
        pipeline (Sequence): Transforms of an item.
        **kwargs: Further arguments of MMEngine's ``BaseDataset``.
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
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        if pairing not in ('name', 'rank'):
            raise ValueError(
                f"pairing must be 'name' or 'rank', got {pairing!r}"
            )
        if unpaired not in ('random', None):
            raise ValueError(
                f"unpaired must be 'random' or None, got {unpaired!r}"
            )
        if paired and pairs_file:
            raise ValueError(
                f'paired=True does without pairs_file, got {pairs_file!r}'
            )
        self.files = TryOnFiles(Path(data_root), layout, split)
        self.paired = paired
        self.pairs_file = pairs_file
        self.pairing = pairing
        self.unpaired = unpaired
        self.annotations = annotations
        self._drawn_by = self._rng = None
        kwargs.setdefault('test_mode', split == 'test')
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Find the pairs and their files.

        Raises:
            UserError: A file is missing.
        """
        files, listed = self.files, self._find_pairs_file()
        if listed:
            pairs = files.read_pairs(listed)
        elif self.pairing == 'rank':
            pairs = files.pairs_by_rank()
        else:
            pairs = files.pairs_by_name()
        paired = not listed or self._are_worn(pairs)
        self._metainfo.update(
            dataset=files.layout_name, split=files.split, paired=paired
        )
        kinds = ['person', 'cloth', 'cloth_mask', *self._kinds()]
        if not paired and 'flow' in kinds:
            kinds.remove('flow')
        if 'truth' in kinds:
            self._check_truth(listed)
        columns = {kind: self._find(kind, pairs) for kind in kinds}
        if 'truth' in kinds:
            columns['flow'] = self._find('truth_flow', pairs)
        return [
            {
                'person_name': pair.person,
                'cloth_name': pair.cloth,
                'parse_labels': files.layout.parse,
                **{
                    f'{kind}_path': str(path) if path else None
                    for kind, path in zip(columns, paths, strict=True)
                },
            }
            for pair, *paths in zip(pairs, *columns.values(), strict=True)
        ]

    def _find_pairs_file(self) -> Path | None:
        """The file to follow; None: by the garments worn."""
        if self.paired:
            return None
        found = self.files.pairs_file(self.pairs_file)
        if found is None and self.paired is False:
            raise UserError(
                f'{self.files.base} has no file of pairs '
                f'({self.files.layout.pairs}), and paired=False needs one: '
                'lines person.jpg cloth.jpg; name it by pairs_file'
            )
        return found

    def _check_truth(self, listed: Path | None) -> None:
        """The truth of a try-on is of the layout's own pairs."""
        if 'truth' not in self.files.layout.folders:
            raise UserError(
                "annotations: 'truth' is in the test set of layout 'viton' "
                f'only, got layout {self.files.layout_name!r}, '
                f'{self.files.split}'
            )
        own = self.files.pairs_file(None)
        if listed is None or listed != own:
            raise UserError(
                f"annotations: 'truth' is known of the pairs of {own} only, "
                f'got {listed or "the garments worn"}: set paired=False and '
                'no pairs_file'
            )

    def _are_worn(self, pairs: Sequence[TryOnPair]) -> bool:
        """Whether the pairs of a file are of persons and what they wear."""
        worn = self.files.worn()
        return all(worn[pair.person] == pair.cloth for pair in pairs)

    def _kinds(self) -> Sequence[Annotation]:
        """The annotations to deliver."""
        if self.annotations is not None:
            return self.annotations
        return self.files.person_kinds(self.files.split == 'train')

    def _find(
        self, kind: FileKind, pairs: Sequence[TryOnPair]
    ) -> list[Path | None]:
        """A file of each pair; masks may be missing."""
        files = self.files
        paths = [files.find(kind, pair) for pair in pairs]
        lacking = [
            pair.cloth if kind == 'cloth_mask' else pair.person
            for pair, path in zip(pairs, paths, strict=True)
            if path is None
        ]
        folder = files.folder(kind)
        tool = f'{_TOOL} {files.root} --layout {files.layout_name}'
        if lacking and kind == 'cloth_mask':
            warn_named(
                f'{folder} lacks the masks of {len(lacking)} of {len(pairs)} '
                'clothes',
                lacking,
                '. GrabCut makes them at every access; make them once: '
                f'{tool} --make-masks',
            )
        elif lacking:
            raise UserError(
                f'{folder} lacks the {kind} of {len(lacking)} of '
                f'{len(pairs)} persons: {describe(lacking)}; {tool} --check '
                'lists all, and annotations=[...] of the data set leaves '
                f'{kind} out where a model does without'
            )
        return paths

    def get_data_info(self, idx: int) -> dict:
        """The item before its pipeline, see the class."""
        info = super().get_data_info(idx)
        if self.unpaired:
            drawn = int(self._generator().integers(len(self)))
            other = super().get_data_info(drawn)
            for kind in ('cloth_path', 'cloth_mask_path'):
                info[f'unpaired_{kind}'] = other[kind]
        return info

    def _generator(self) -> np.random.Generator:
        """This process's source of chance.

        MMEngine seeds the workers of every epoch alike, so that they draw the
        same garments in every epoch. PyTorch's own seed of a worker, drawn
        from the run's generator at the start of an epoch, tells them apart.
        """
        worker = get_worker_info()
        seeds = (
            torch.initial_seed(),
            worker.seed if worker else 0,
            get_rank(),
        )
        if seeds != self._drawn_by:
            self._drawn_by, self._rng = seeds, np.random.default_rng(seeds)
        return self._rng
