# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The model zoo: what is known of each model, and how it is made again.

- :mod:`.recipes`: commands that train the published models from nothing.

Importing this imports neither PyTorch nor a host.
"""
