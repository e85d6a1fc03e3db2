# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The registries of the scope ``mmfashion_ext``, one per kind of object.

MMEngine imports this module by itself when a config names a type with the
prefix ``mmfashion_ext.``, and on the first lookup it imports the one module
in ``locations``, which registers every system whose host is installed. So
``type='mmfashion_ext.X'`` works in any host's config without
``custom_imports``.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
)
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import Registry

_NODE = {
    'scope': 'mmfashion_ext',
    'locations': ['mmfashion_ext.register_all'],
}

MODELS = Registry('model', parent=MMENGINE_MODELS, **_NODE)
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, **_NODE)
DATA_SAMPLERS = Registry(
    'data sampler', parent=MMENGINE_DATA_SAMPLERS, **_NODE
)
TRANSFORMS = Registry('transform', parent=MMENGINE_TRANSFORMS, **_NODE)
METRICS = Registry('metric', parent=MMENGINE_METRICS, **_NODE)
VISUALIZERS = Registry('visualizer', parent=MMENGINE_VISUALIZERS, **_NODE)
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, **_NODE)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    **_NODE,
)
