# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Command line: the console script ``mmfashion``, and code of ``tools/``.

``app`` is the entry point. Its modules import Click alone when they are
loaded; PyTorch and the hosts are imported by the command that needs them.
Command lines that the scripts in ``tools/`` share (``train``, ``test``,
``export``, ``gallery_actions``, ``try_on``) stand here once.
"""
