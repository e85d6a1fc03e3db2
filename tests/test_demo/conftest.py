# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The folder of the demo's scripts, importable."""

import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / 'demo'
if str(DEMO) not in sys.path:
    sys.path.append(str(DEMO))
