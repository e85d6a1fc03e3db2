# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fashion models as plugins of OpenMMLab.

Importing this package imports no host (mmdet, mmpose, ...) and no torch: each
system is imported when it is used.
"""

import importlib

__version__ = '0.1.0'

_HUB = (
    'build_inferencer',
    'config_path',
    'get_model',
    'inference_model',
    'list_models',
)
_ZOO = {
    'describe': 'description',
    'push_to_hub': 'sharing',
    'save_to_dir': 'sharing',
}
__all__ = ['__version__', *sorted([*_HUB, *_ZOO])]


def __getattr__(name: str) -> object:
    if name in _ZOO:
        module = importlib.import_module(f'.zoo.{_ZOO[name]}', __name__)
        return getattr(module, name)
    if name not in _HUB:
        raise AttributeError(f'module {__name__!r} has no {name!r}')
    from . import hub

    return getattr(hub, name)


def __dir__() -> list[str]:
    return __all__
