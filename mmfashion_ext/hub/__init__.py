# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Model hub: list, build and run models by name, the stem of their config.

A config of this package is inherited in one's own config in either way:

- ``_base_ = __import__('mmfashion_ext').config_path('NAME')``, with any train
  script, mmdet's own included;
- ``_base_ = 'mmfashion_ext::match_rcnn/NAME.py'`` where this module has been
  imported before the config is read (``tools/train.py`` does), and the
  package is installed (``pip install -e .`` will do).

Importing this module imports neither torch nor a host.
"""

from ..utils.downloads import CachedFile, clean_cache, list_cache
from .catalog import (
    aliases,
    config_path,
    fetch_weights,
    leaf_configs,
    metafile_entries,
    model_name,
    published_weights,
    root,
)
from .inference import build_inferencer, inference_model, inferencer_class
from .models import get_model, load_config, load_model
from .selection import list_models

__all__ = [
    'CachedFile',
    'aliases',
    'build_inferencer',
    'clean_cache',
    'config_path',
    'fetch_weights',
    'get_model',
    'inference_model',
    'inferencer_class',
    'leaf_configs',
    'list_cache',
    'list_models',
    'load_config',
    'load_model',
    'metafile_entries',
    'model_name',
    'published_weights',
    'root',
]
