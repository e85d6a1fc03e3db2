# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Look-alikes of licensed data sets, in their exact on-disk layout.

Needs NumPy and OpenCV only. Command line: ``python -m
mmfashion_ext.synthetic {deepfashion2,fld,video-reid,viton} OUT``.
"""

from .deepfashion2.generate import generate_deepfashion2
from .fld.generate import generate_fld
from .video_reid.generate import generate_video_reid
from .viton.generate import generate_viton

__all__ = [
    'generate_deepfashion2',
    'generate_fld',
    'generate_video_reid',
    'generate_viton',
]
