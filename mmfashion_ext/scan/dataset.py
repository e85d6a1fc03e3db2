# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of clips for video person re-identification."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from ..errors import UserError, describe
from ..formats.video_reid.layout import (
    FLOWS,
    IMAGES,
    META,
    SPLITS,
    LastClip,
    Role,
    Tracklet,
    VideoReID,
    clip_ranges,
    flow_name,
)
from ..registry import DATASETS
from ..utils.seeded_index import SeededIndex

_FOLDERS = {'img': IMAGES, 'flow': FLOWS}


@DATASETS.register_module()
class VideoReIDDataset(BaseDataset):
    """Clips of one split of iLIDS-VID, PRID2011, MARS or a similar dataset.

    Reads the output of ``tools/dataset_converters/video_reid.py``, or of the
    published SCAN's own conversion. An item before its pipeline:

    - ``img_paths``, ``flow_paths`` (list[str]): files of the clip's frames,
      fewer than ``clip_length`` if the tracklet is shorter; no
      ``flow_paths`` with ``flow=False``.
    - ``rng`` (np.random.Generator): random generator of the transforms, if
      the sampler's indices have seeds (``CrossCameraPairSampler``).
    - ``clip_length`` (int), and ``pid``, ``label``, ``camid``, ``tracklet``,
      ``role``, ``start``, ``end`` as in ``ClipDataSample``.

    Tracklets without frames are skipped and logged.

    ``metainfo``: ``dataset``, ``num_cameras``, ``split``, ``role``,
    ``num_classes`` (persons of the training list) and ``pids`` (the person
    of each label).

    Args:
        data_root (str): Folder of ``meta.json`` and ``splits.json``.
        split (int): Index of the split, from 0.
        role (str): ``'train'``: the clips of the training persons.
            ``'test'``: the clips of the query tracklets, then of the gallery
            tracklets.
        clip_length (int): T, frames per clip.
        stride (int): Frames from the start of a clip to the next.
        last (str): ``'reference'``: no clip reaches the last frame of a
            longer tracklet, as published. ``'include'``: one does. See
            :func:`~mmfashion_ext.formats.video_reid.layout.clip_ranges`.
        flow (bool): Whether to load optical flow.
        label_seed (int, optional): Labels number the training persons in an
            order shuffled with this seed, as published. None: in the order
            of the list. Only the rows of the OIM table depend on it.
        ann_file (str): File of persons and tracklets, relative to
            ``data_root``.
        split_file (str): File of the splits, relative to ``data_root``.
        data_prefix (dict): Folders of frames (``img``) and of flow maps
            (``flow``), relative to ``data_root``.
        pipeline (Sequence): Transforms of an item.
        **kwargs: Further arguments of MMEngine's ``BaseDataset``.

    Raises:
        UserError: ``role`` has another value, a file is missing, or the
            annotations do not fit.
    """

    def __init__(
        self,
        data_root: str,
        split: int = 0,
        role: Literal['train', 'test'] = 'train',
        clip_length: int = 10,
        stride: int = 5,
        last: LastClip = 'reference',
        flow: bool = True,
        label_seed: int | None = 1,
        ann_file: str = META,
        split_file: str = SPLITS,
        data_prefix: Mapping[str, str] = _FOLDERS,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        if role not in ('train', 'test'):
            raise UserError(f"role must be 'train' or 'test', got {role!r}")
        self.split = split
        self.role = role
        self.clip_length = clip_length
        self.stride = stride
        self.last = last
        self.flow = flow
        self.label_seed = label_seed
        self.split_file = split_file
        kwargs.setdefault('test_mode', role == 'test')
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix),
            pipeline=list(pipeline),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the annotations, cut all tracklets into clips, log a summary.

        Returns:
            list[dict]: One entry for each clip.

        Raises:
            UserError: A file is missing or names what does not exist, or
                the split has no clips, or a test has no query with a match.
        """
        data = VideoReID.read(
            self.ann_file, os.path.join(self.data_root, self.split_file)
        )
        train = data.tracklets(self.split, 'train')
        pids = self._label_order(train, data)
        self._metainfo.update(
            dataset=data.meta.name,
            num_cameras=data.meta.num_cameras,
            split=self.split,
            role=self.role,
            num_classes=len(pids),
            pids=pids,
        )
        parts: dict[Role, list[Tracklet]] = {'train': train}
        if self.role == 'test':
            parts = {
                'query': data.tracklets(self.split, 'query'),
                'gallery': data.tracklets(self.split, 'gallery'),
            }
        self._check_files(parts)
        labels = {pid: label for label, pid in enumerate(pids)}
        if self.role == 'test':
            labels = {}
        clips = self._clips(parts, labels)
        self._print_summary(parts, clips)
        if self.role == 'test':
            self._check_matches(parts)
        if not clips:
            raise UserError(
                f'{self.data_root}: split {self.split} has no {self.role} '
                'clip, all its tracklets are empty; convert the dataset again'
            )
        return clips

    def _label_order(
        self, train: list[Tracklet], data: VideoReID
    ) -> list[int]:
        """Return the person of each label."""
        pids = list(data.splits[self.split].trainval)
        if data.meta.tracklets is not None:
            pids = list(dict.fromkeys(tracklet.pid for tracklet in train))
        if self.label_seed is not None:
            # the generator that the published code uses
            legacy = np.random.RandomState(self.label_seed)
            legacy.shuffle(pids)
        return pids

    def _check_matches(self, parts: dict[Role, list[Tracklet]]) -> None:
        """Check that there is something to evaluate; tested at load."""
        query, gallery = (
            [t for t in parts[role] if t.files]
            for role in ('query', 'gallery')
        )
        where = f'{self.data_root}: split {self.split}'
        for role, tracklets in (('query', query), ('gallery', gallery)):
            if not tracklets:
                raise UserError(
                    f'{where} has no {role} tracklet with frames, so nothing '
                    'can be evaluated; convert the dataset again, or use '
                    'another split'
                )
        cameras: dict[int, set[int]] = defaultdict(set)
        for tracklet in query + gallery:
            cameras[tracklet.pid].add(tracklet.camid)
        if all(len(cameras[tracklet.pid]) == 1 for tracklet in query):
            raise UserError(
                f'{where}: none of the {len(query)} queries has a match, a '
                'tracklet of the same person from another camera, so nothing '
                'can be evaluated; a test needs persons in two cameras'
            )

    def _check_files(self, parts: dict[Role, list[Tracklet]]) -> None:
        """Check that all frames and flow maps exist, without opening them."""
        files = {f: None for ts in parts.values() for t in ts for f in t.files}
        expected = [
            ('img', 'frames', list(files), 'convert the dataset again')
        ]
        if self.flow:
            expected.append(
                (
                    'flow',
                    'flow maps',
                    [flow_name(file) for file in files],
                    'compute them with tools/dataset_converters/video_reid.py'
                    ', or set flow=False',
                )
            )
        for key, what, names, remedy in expected:
            folder = self.data_prefix[key]
            found = set(os.listdir(folder)) if os.path.isdir(folder) else set()
            missing = [name for name in names if name not in found]
            if missing:
                raise UserError(
                    f'{folder} lacks {len(missing)} of {len(names)} {what}: '
                    f'{describe(missing)}; {remedy}'
                )

    def _clips(
        self, parts: dict[Role, list[Tracklet]], labels: dict[int, int]
    ) -> list[dict]:
        """Return one row for each clip; tracklets are numbered overall."""
        rows, number = [], 0
        for role, tracklets in parts.items():
            for pid, camid, files in tracklets:
                for start, end in clip_ranges(
                    len(files), self.clip_length, self.stride, self.last
                ):
                    rows.append(
                        {
                            'files': files[start:end],
                            'pid': pid,
                            'label': labels.get(pid, -1),
                            'camid': camid,
                            'tracklet': number,
                            'role': role,
                            'start': start,
                            'end': end,
                        }
                    )
                number += 1
        return rows

    def _print_summary(
        self, parts: dict[Role, list[Tracklet]], clips: list[dict]
    ) -> None:
        """Log the numbers of identities, tracklets, clips and cameras."""
        lines = []
        for role, tracklets in parts.items():
            seen = [tracklet for tracklet in tracklets if tracklet.files]
            empty = [t for t in tracklets if not t.files]
            lines.append(
                f'{role}: identities {len({t.pid for t in seen}):,}, '
                f'tracklets {len(seen):,}, clips '
                f'{sum(clip["role"] == role for clip in clips):,}, cameras '
                f'{len({t.camid for t in seen})}'
            )
            if empty:
                lines.append(f'  empty, skipped: {describe(empty)}')
        print_log(
            f'{type(self).__name__} {self._metainfo["dataset"]}, split '
            f'{self.split}, {self.clip_length} frames every {self.stride}\n'
            + '\n'.join(lines),
            logger='current',
        )

    def get_data_info(self, idx: int) -> dict:
        """Return an item before its pipeline, see the class.

        Args:
            idx (int): Index of a clip; ``rng`` is added for a
                ``SeededIndex``.
        """
        info = super().get_data_info(idx)
        files = info.pop('files')
        folder = Path(self.data_prefix['img'])
        info['img_paths'] = [str(folder / file) for file in files]
        if self.flow:
            folder = Path(self.data_prefix['flow'])
            info['flow_paths'] = [str(folder / flow_name(f)) for f in files]
        info['clip_length'] = self.clip_length
        if isinstance(idx, SeededIndex):
            info['rng'] = idx.rng()
        return info
