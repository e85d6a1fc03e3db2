# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read ``requirements/lock.txt`` and choose what to install from it."""

import re
from collections.abc import Collection
from pathlib import Path

#: Import package -> distribution, for what the lock calls hosts and compiled.
PROVIDES = {
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmdet': 'onedl-mmdetection',
    'mmpretrain': 'onedl-mmpretrain',
    'mmpose': 'mmpose',
    'imgaug': 'imaug',
    'xtcocotools': 'xtcocotools',
}
#: Needed by systems on mmpose only.
_MMPOSE = frozenset({'mmpose', 'xtcocotools', 'json-tricks', 'munkres'})
#: Search in large galleries, of Match R-CNN only.
_RETRIEVAL = frozenset({'faiss-cpu'})
#: FID, KID, SSIM and LPIPS, and the export to ONNX: virtual try-on only.
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
        'protobuf',
    }
)
#: ``--system`` -> the distributions it does without.
UNUSED = {
    'all': frozenset(),
    'match-rcnn': _MMPOSE | _TRYON,
    'landmark': _RETRIEVAL | _TRYON,
    # MMEngine alone; mmpretrain for its backbones
    'scan': _MMPOSE | _RETRIEVAL | _TRYON | {'onedl-mmdetection', 'imaug'},
    # MMEngine alone
    'tryon': _MMPOSE
    | _RETRIEVAL
    | {'onedl-mmdetection', 'onedl-mmpretrain', 'imaug'},
}

_SECTION = re.compile(r'^# \[(\w+)\]$')


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def name_of(requirement: str) -> str:
    """``'numpy==2.2.6 ; python_version < "3.11"'`` -> ``'numpy'``."""
    return normalise(re.match(r'[\w.-]+', requirement)[0])


def read_lock(path: Path) -> dict[str, list[str]]:
    """Read the lock: section -> its requirement lines."""
    sections: dict[str, list[str]] = {}
    for line in path.read_text(encoding='utf-8').splitlines():
        if match := _SECTION.match(line):
            current = sections.setdefault(match[1], [])
        elif line and not line.startswith('#'):
            current.append(line)
    return sections


def read_names(path: Path) -> list[str]:
    """Read a requirements file without its comments."""
    lines = path.read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def without(requirements: list[str], unused: Collection[str]) -> list[str]:
    """Leave out requirements by distribution name."""
    return [line for line in requirements if name_of(line) not in unused]


def version(text: str) -> tuple[int, ...]:
    """``'2.14.1+cu130'`` -> ``(2, 14, 1)``; pre-releases count as final."""
    match = re.match(r'\d+(\.\d+)*', text)
    return tuple(int(part) for part in match[0].split('.')) if match else ()
