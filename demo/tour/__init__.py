# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The demo's parts: steps, systems, models and the page of results.

``demo/run_demo.py`` is the script that users run.
"""
