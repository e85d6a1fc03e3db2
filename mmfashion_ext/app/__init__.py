# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Web app of ``mmfashion app``: the four systems as pages in a browser.

``clothes``, ``shop``, ``try_on`` and ``persons`` are what the pages do, plain
functions of uploaded files; ``page`` lays them out with Gradio, the extra
``app``, and ``server`` serves them. Gradio is imported by these two alone.
"""
