# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Registries of the scope ``mmfashion_ext``, one per kind of object.

MMEngine imports this module by itself when a config names a type with the
prefix ``mmfashion_ext.``, and a registry imports the system that has a type
when that type is looked up. So ``type='mmfashion_ext.X'`` works in any host's
config without ``custom_imports``, and brings in the host of its own system
only.
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

from .plugins import import_type


class SystemRegistry(Registry):
    """Registry that imports a system's class when it is first looked up."""

    def get(self, key: str) -> type | None:
        """Return a registered class; import it first if a system has it.

        Args:
            key (str): Name of a class, with or without scope.

        Returns:
            type, optional: None if no registry has the name.

        Raises:
            ImportError: A host of the system that has the class is missing,
                too old or broken; names the command that fixes it.
        """
        scope, _, name = key.rpartition('.')
        if scope in ('', self.scope):
            import_type(name)
        return super().get(key)

    def import_from_location(self) -> None:
        """Import nothing ahead of time: ``get`` imports what is asked for."""


_NODE = {'scope': 'mmfashion_ext'}

MODELS = SystemRegistry('model', parent=MMENGINE_MODELS, **_NODE)
DATASETS = SystemRegistry('dataset', parent=MMENGINE_DATASETS, **_NODE)
DATA_SAMPLERS = SystemRegistry(
    'data sampler', parent=MMENGINE_DATA_SAMPLERS, **_NODE
)
TRANSFORMS = SystemRegistry('transform', parent=MMENGINE_TRANSFORMS, **_NODE)
METRICS = SystemRegistry('metric', parent=MMENGINE_METRICS, **_NODE)
VISUALIZERS = SystemRegistry(
    'visualizer', parent=MMENGINE_VISUALIZERS, **_NODE
)
HOOKS = SystemRegistry('hook', parent=MMENGINE_HOOKS, **_NODE)
OPTIM_WRAPPER_CONSTRUCTORS = SystemRegistry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    **_NODE,
)
