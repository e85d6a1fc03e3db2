# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generator of a synthetic dataset in the layout of VITON.

A ``Top`` is drawn flat (``FlatCloth``), and that image is warped onto a person
(``WornTop`` on a ``ModelPose``), so that the flow between them is known.
"""
