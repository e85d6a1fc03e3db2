# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Synthetic datasets in the exact on-disk layout of licensed ones.

Needs NumPy and OpenCV only, which are imported when a generator is used: the
command line shows its help without them. Command line: ``python -m
mmfashion_ext.synthetic {deepfashion2,fld,video-reid,viton,tryon-photos} OUT``.

- ``deepfashion2/``, ``fld/``, ``video_reid/``, ``viton/``: one generator and
  one contact sheet each; they do not import each other.
- ``tryon_photos/``: try-on pairs from free photographs, see there.
- ``garments/``: garments of the 13 DeepFashion2 categories, images of people
  in them, and their annotations.
- ``drawing/``: canvas, human figure, textures and backgrounds.

Sizes are in px, images are (h, w, 3) BGR uint8. Body space, in which figures
and garments are described, is explained in :mod:`.drawing.figure`.
"""

import importlib
from typing import TYPE_CHECKING

from ..plugins import require_package

if TYPE_CHECKING:
    from .deepfashion2.generate import generate_deepfashion2
    from .fld.generate import generate_fld
    from .tryon_photos.generate import generate_tryon_photos
    from .video_reid.generate import generate_video_reid
    from .viton.generate import generate_viton

__all__ = [
    'generate_deepfashion2',
    'generate_fld',
    'generate_tryon_photos',
    'generate_video_reid',
    'generate_viton',
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no {name!r}')
    require_package('cv2', __name__)
    folder = name.removeprefix('generate_')
    module = importlib.import_module(f'{__name__}.{folder}.generate')
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
