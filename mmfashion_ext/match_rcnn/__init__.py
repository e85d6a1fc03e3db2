# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match R-CNN (arXiv:1901.07973) as a plugin of mmdet.

Symbols of this package:

- ``N``: items (clothes) of one image, ``R``: RoIs of a batch, ``C = 13``
  categories, ``K = 294`` landmarks of all categories together.
- boxes: xyxy in pixels of the image they belong to (network input during
  training, original image in predictions and result files).
- ``keypoints`` (N, K, 2): x, y in pixels; ``keypoints_visible`` (N, K): 2
  visible, 1 occluded, 0 not labelled. Only the slice of an item's category
  can be labelled.
- labels: 0..12, ``category_id - 1``.
"""

from ..plugins import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        'candidate_bbox_head': ('CandidateSetBBoxHead',),
        'candidate_dataset': ('CandidateSetDataset',),
        'candidate_metric': ('CandidateAccuracy',),
        'ccp_metric': ('CCPMetric',),
        'dataset': ('DeepFashion2Dataset',),
        'embedding_head': ('EmbeddingHead',),
        'frozen_mask_rcnn': ('FrozenMaskRCNN',),
        'group_mask_head': ('GroupMaskHead',),
        'inferencer': ('ClothesInferencer',),
        'landmark_head': ('LandmarkHead',),
        'match_head': ('MatchHead',),
        'match_roi_head': ('MatchRoIHead',),
        'metric': ('DeepFashion2Metric',),
        'retrieval_metric': ('RetrievalMetric',),
        'sampler': ('PairSampler',),
        'timm_backbone': ('TimmBackbone',),
        'transforms': (
            'FilterClothes',
            'LoadClothes',
            'PackClothes',
            'RandomCropClothes',
            'RandomFlipClothes',
            'ResizeClothes',
        ),
        'tta': ('ClothesTTAModel',),
        'visualization_hook': ('ClothesVisualizationHook',),
        'visualizer': ('ClothesVisualizer',),
    },
)
