# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Importing this module registers every system whose host is installed.

It is the ``locations`` of all registries of this package, so MMEngine imports
it by itself on the first lookup of an ``mmfashion_ext.`` type.
"""

from .plugins import import_systems

SYSTEMS = tuple(import_systems())
