# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tracker: which boxes of consecutive frames are one person (ByteTrack).

ByteTrack (arXiv:2110.06864) is that of the package ``trackers``, where
supervision's moved to.
"""

import numpy as np

from ...formats.video_boxes.table import FrameBoxes
from ...plugins import require_package

#: Seconds without a box after which a track has ended.
PATIENCE = 1.0
#: Score, 0-1, of a box that begins a track.
START_SCORE = 0.5


class ByteTracker:
    """Give the boxes of a video their tracks, frame after frame.

    Args:
        fps (float): Frames per second of the video.
        start_score (float): Lowest score, 0-1, of a box that begins a track;
            weaker ones only continue one.

    Raises:
        ImportError: ``trackers`` is not installed.
    """

    def __init__(self, fps: float, start_score: float = START_SCORE) -> None:
        require_package('trackers', 'tracking of detected persons')
        from trackers import ByteTrackTracker

        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(30 * PATIENCE),  # of 30 frames a second
            frame_rate=fps,
            track_activation_threshold=start_score,
            high_conf_det_threshold=start_score,
            minimum_consecutive_frames=1,
        )

    def __call__(self, boxes: FrameBoxes) -> FrameBoxes:
        """Return the boxes of a frame that belong to a track.

        Args:
            boxes (FrameBoxes): n detections (n, 4) xyxy px.

        Returns:
            FrameBoxes: m of them with tracks from 0, in their order; a track
            begins with its second box.
        """
        import supervision

        detections = supervision.Detections(
            boxes.boxes.astype(np.float32),
            confidence=boxes.scores.astype(np.float32),
            data={'row': np.arange(len(boxes.boxes))},
        )
        found = self._tracker.update(detections)
        if not len(found):
            return boxes.chosen(np.zeros(0, int))
        rows = np.asarray(found.data['row'], int)
        tracks = np.asarray(found.tracker_id, np.int64)
        order = np.argsort(rows)
        order = order[tracks[order] >= 0]
        chosen = boxes.chosen(rows[order])
        return chosen._replace(tracks=tracks[order])
