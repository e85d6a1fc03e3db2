# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes of the persons of a frame: by a detector, with a log to resume."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, describe
from ...evaluation.result_files import to_numpy
from ...formats.video_boxes.coco import PERSON_NAMES
from ...formats.video_boxes.table import FrameBoxes
from ...plugins import require_package
from ...utils.box_selection import select_boxes
from ...utils.checkpoint import local_checkpoint
from ...utils.files import file_sha256

_NMS_IOU = 0.7  # two boxes of one person in a model without its own NMS


class PersonDetector:
    """Any detector of mmdet that knows persons.

    Args:
        model (str | Path): Name of a model of mmdet or of this project, or
            path of a config file.
        weights (str | Path, optional): Checkpoint file or URL. None: the
            published ones.
        device (str, optional): None: CUDA where there is one.
        class_name (str, optional): Class that is a person. None: the one
            that is called person, pedestrian, people or human.
        score_thr (float): Lowest score, 0-1, of a box. It is low: the
            tracker uses weak boxes to continue tracks, not to begin them.

    Attributes:
        name (str): Model, weights and class, as far as they decide the boxes.

    Raises:
        UserError: An unknown model, no weights, or no class of persons.
        ImportError: mmdet is not installed.
    """

    def __init__(
        self,
        model: str | Path,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        class_name: str | None = None,
        score_thr: float = 0.1,
    ) -> None:
        require_package('mmdet', 'a detector of persons')
        from ...hub.mmdet_detector import build_detector

        self.infer: Any = build_detector(model, weights, device)
        meta = getattr(self.infer.model, 'dataset_meta', None) or {}
        self.labels = person_labels(meta.get('classes', ()), class_name)
        self.score_thr = score_thr
        mark = 'published'
        if weights is not None:
            mark = file_sha256(local_checkpoint(weights))[:16]
        self.name = f'{Path(model).stem}:{mark}:{self.labels}:{score_thr}'

    def __call__(self, image: np.ndarray) -> FrameBoxes:
        """Detect the persons of a frame (h, w, 3) uint8 BGR.

        Returns:
            FrameBoxes: (n, 4) xyxy px, highest scores first.
        """
        (sample,) = self.infer(image, return_datasamples=True)['predictions']
        found = sample.pred_instances
        boxes, scores = to_numpy(found.bboxes), to_numpy(found.scores)
        chosen = select_boxes(
            boxes,
            scores,
            to_numpy(found.labels),
            self.score_thr,
            _NMS_IOU,
            self.labels,
        )
        return FrameBoxes.build(boxes[chosen], scores[chosen])


def person_labels(
    classes: tuple[str, ...] | list[str], class_name: str | None = None
) -> list[int]:
    """Return the labels of a detector that are persons.

    Args:
        classes (tuple[str, ...] | list[str]): Names of the labels.
        class_name (str, optional): See :class:`PersonDetector`.

    Raises:
        UserError: There is none.
    """
    names = PERSON_NAMES if class_name is None else (class_name.lower(),)
    labels = [i for i, name in enumerate(classes) if name.lower() in names]
    if not labels:
        raise UserError(
            f'the detector has no class {names[0]}, its classes are '
            f'{describe(classes) or "not known"}; use a detector of persons, '
            'or name the class (--person-class)'
        )
    return labels


class DetectionLog:
    """Boxes of the frames of a video, kept so that a run can be resumed.

    The file has a JSON object per frame. A line that was cut off by a kill,
    and all after it, are made again.

    Args:
        path (str | Path): File, made if missing.
    """

    def __init__(self, path: str | Path) -> None:
        self._known: list[FrameBoxes] = []
        path = Path(path)
        length = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                boxes = _parse(line, len(self._known))
                if boxes is None:
                    break
                self._known.append(boxes)
                length += len(line)
        self._file = path.open('r+b' if path.exists() else 'w+b')
        self._file.truncate(length)
        self._file.seek(length)

    def __len__(self) -> int:
        """Return the number of frames that are known."""
        return len(self._known)

    def known(self, frame: int) -> FrameBoxes | None:
        """Return the boxes (n, 4) of a frame, from 0; None if not known."""
        return self._known[frame] if frame < len(self._known) else None

    def add(self, boxes: FrameBoxes) -> None:
        """Write the boxes (n, 4) xyxy px of the next frame."""
        record = {
            'frame': len(self._known),
            'boxes': boxes.boxes.tolist(),
            'scores': boxes.scores.tolist(),
        }
        self._file.write(json.dumps(record).encode() + b'\n')
        self._file.flush()
        self._known.append(boxes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parse(line: bytes, frame: int) -> FrameBoxes | None:
    """Return the boxes of a line; None if it is not that of the frame."""
    if not line.endswith(b'\n'):
        return None
    try:
        record = json.loads(line)
        if record['frame'] != frame:
            return None
        return FrameBoxes.build(record['boxes'], record['scores'])
    except (ValueError, KeyError, TypeError):
        return None
