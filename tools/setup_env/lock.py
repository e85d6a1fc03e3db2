# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read ``requirements/lock.txt`` and choose what to install from it."""

import re
from collections.abc import Collection
from pathlib import Path

#: Import package -> distribution that provides it, for the sections ``hosts``
#: and ``compiled`` of the lock.
PROVIDES = {
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmdet': 'onedl-mmdetection',
    'mmpretrain': 'onedl-mmpretrain',
    'mmpose': 'mmpose',
    'imgaug': 'imaug',
    'xtcocotools': 'xtcocotools',
}
#: Needed only by systems that use mmpose.
_MMPOSE = frozenset({'mmpose', 'xtcocotools', 'json-tricks', 'munkres'})
#: Search in large galleries; Match R-CNN only.
_RETRIEVAL = frozenset({'faiss-cpu'})
#: Backbones of detectors and of landmark models.
_BACKBONES = frozenset({'timm'})
#: Tracking in raw videos, and supervision's detections.
_VIDEO = frozenset({'trackers', 'supervision', 'pydeprecate', 'defusedxml'})
#: FID, KID, SSIM and LPIPS, and the export to ONNX; virtual try-on only.
_TRYON = frozenset(
    {
        'torchmetrics',
        'torch-fidelity',
        'lightning-utilities',
        'onnx',
        'onnx-ir',
        'onnxruntime',
        'onnxscript',
        'flatbuffers',
        'ml-dtypes',
    }
)
#: ``--system`` -> the distributions that it does not need.
UNUSED = {
    'all': frozenset(),
    'match-rcnn': _MMPOSE | _TRYON,
    'landmark': _RETRIEVAL | _TRYON | _VIDEO,
    # MMEngine alone; mmpretrain for its backbones
    'scan': _MMPOSE
    | _RETRIEVAL
    | _BACKBONES
    | _TRYON
    | {'onedl-mmdetection', 'imaug'},
    # MMEngine alone
    'tryon': _MMPOSE
    | _RETRIEVAL
    | _BACKBONES
    | _VIDEO
    | {'onedl-mmdetection', 'onedl-mmpretrain', 'imaug'},
}

_SECTION = re.compile(r'^# \[(\w+)\]$')


def normalise(name: str) -> str:
    """Return the name of a distribution as PEP 503 compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def name_of(requirement: str) -> str:
    """Return the name in a requirement: ``'numpy==2.2.6'`` -> ``'numpy'``."""
    return normalise(re.match(r'[\w.-]+', requirement)[0])


def read_lock(path: Path) -> dict[str, list[str]]:
    """Read the lock file: section -> its requirement lines."""
    sections: dict[str, list[str]] = {}
    for line in path.read_text(encoding='utf-8').splitlines():
        if match := _SECTION.match(line):
            current = sections.setdefault(match[1], [])
        elif line and not line.startswith('#'):
            current.append(line)
    return sections


def read_names(path: Path) -> list[str]:
    """Read the lines of a requirements file, without comments."""
    lines = path.read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def without(requirements: list[str], unused: Collection[str]) -> list[str]:
    """Return the requirements whose name is not in ``unused``."""
    return [line for line in requirements if name_of(line) not in unused]


def version(text: str) -> tuple[int, ...]:
    """Parse a version: ``'2.14.1+cu130'`` -> ``(2, 14, 1)``.

    Pre-releases count as final. Returns ``()`` without a number.
    """
    match = re.match(r'\d+(\.\d+)*', text)
    return tuple(int(part) for part in match[0].split('.')) if match else ()
