# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data sample of a clip: person, camera and position, and its features."""

from typing import Any

from mmengine.structures import BaseDataElement


class ClipDataSample(BaseDataElement):
    """Data sample of a clip: T frames of one person in one camera.

    Metainfo, set by ``PackClip``:

    - ``pid`` (int): person, index into ``identities`` of ``meta.json``.
    - ``label`` (int): position of the person in the training list, -1 in
      test.
    - ``camid`` (int): camera, from 0.
    - ``tracklet`` (int): index of the tracklet in its list; in test the
      query's tracklets come first, then the gallery's.
    - ``role`` (str): ``'train'``, ``'query'`` or ``'gallery'``.
    - ``start``, ``end`` (int): first frame and the one after the last.

    Predictions, set by the model:

    - ``embeddings`` (Tensor): (T, D) x, L2-normalised for each frame.
    - ``attention_keys`` (Tensor): (T, D) h. Not ``keys``: this is a method
      of every data element.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; ``keys`` is refused, it would hide a method."""
        if name == 'keys':
            raise AttributeError(
                'a ClipDataSample cannot have a field "keys" (keys() lists '
                "its fields); the keys h of a clip's frames are "
                'attention_keys'
            )
        super().__setattr__(name, value)
