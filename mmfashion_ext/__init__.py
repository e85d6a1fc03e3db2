# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fashion models as plugins of OpenMMLab.

Importing this package imports no host (mmdet, mmpose, ...) and no torch: each
system is imported when it is used.
"""

__version__ = '0.1.0'
