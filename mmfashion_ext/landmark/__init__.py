# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fashion landmark detection (DeepFashion2, DeepFashion/FLD) in mmpose.

Symbols of this package:

- ``B``: items (garments) of a batch; each is one sample, as in all top-down
  models of mmpose.
- ``K``: landmarks of a dataset: 294 of DeepFashion2's 13 categories
  together, 6, 4 or 8 of FLD's upper, lower or full clothes; up to 39 belong
  to one category of DeepFashion2.
- ``keypoints`` (1, K, 2): x, y in px of the image in files, samples and
  predictions, in px of the network's input inside it.
- ``keypoints_visible`` (1, K): 1 where labelled; ``landmark_states`` (1, K):
  2 visible, 1 occluded, 0 not labelled.
- labels: 0..12, ``category_id - 1``. Sizes are (w, h), boxes xyxy px.
"""

from ..plugins import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        'dataset': ('DeepFashion2LandmarkDataset',),
        'fld_dataset': ('FLDDataset',),
        'head': (
            'CategoryHeatmapHead',
            'CategoryRLEHead',
            'CategoryRTMCCHead',
        ),
        'inferencer': ('LandmarkInferencer',),
        'metric': ('LandmarkMetric',),
        'transforms': ('PackLandmarks', 'SelectCategoryLandmarks'),
        'visualization_hook': ('LandmarkVisualizationHook',),
    },
)
