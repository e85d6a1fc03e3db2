# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""VITON and VITON-HD: layouts, files, pairs, checks and masks for try-on.

Images are RGB inside this folder; arrays that users pass are BGR.
"""
