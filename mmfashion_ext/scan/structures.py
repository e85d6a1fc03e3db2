# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What is known of a clip and what a model says about it."""

from typing import Any

from mmengine.structures import BaseDataElement


class ClipDataSample(BaseDataElement):
    """A clip: T frames of one person in one camera.

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
    - ``attention_keys`` (Tensor): (T, D) h. Not ``keys``: that is a method
      of every data element.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; one named like a method would break the element."""
        if name == 'keys':
            raise AttributeError(
                "a data element's keys() lists its fields; the keys h of a "
                "clip's frames are attention_keys"
            )
        super().__setattr__(name, value)
