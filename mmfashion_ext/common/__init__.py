# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What two systems share: pure functions and tables, nothing registered."""
