# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""VITON and VITON-HD: folders, files, pairs and checks for try-on."""
