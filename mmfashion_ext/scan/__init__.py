# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN (arXiv:1807.05688): video person re-identification, on MMEngine.

Symbols of this package:

- tracklet: all frames of a person in one camera; clip: T consecutive frames
  of a tracklet, RGB and optical flow of the same size (h, w).
- ``B``: clips of a batch: probe, gallery, probe, gallery ..., ``P`` and ``G``
  of each; ``M``, ``N``: query and gallery clips of a test.
- ``R``: channels of a raw frame feature, ``D`` of an embedded one.
- ``x`` (B, T, D): embeddings, of length 1; ``h`` (B, T, D): attention keys.
- pid, camid: person and camera, from 0; label: position of a person in the
  training list, row of the OIM table.
- distances: probability of different people, 0-1.
"""

from ..plugins import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        'backbone': ('TorchvisionResNet',),
        'data_preprocessor': ('ClipDataPreprocessor',),
        'dataset': ('VideoReIDDataset',),
        'frame_cnn': ('FrameCNN',),
        'inputs': ('TrackletFeatures', 'Video'),
        'matcher_hook': ('MatcherHook',),
        'inferencer': ('SCANInferencer',),
        'losses': ('OIMLoss', 'PairLoss'),
        'matcher': ('SCANMatcher',),
        'metric': ('VideoReIDMetric',),
        'optim_wrapper': ('SCANOptimWrapperConstructor',),
        'recognizer': ('SCANRecognizer',),
        'sampler': ('CrossCameraPairSampler',),
        'transforms': (
            'EraseFrames',
            'FlipClip',
            'LoadClip',
            'PackClip',
            'ResizeClip',
        ),
        'video_search.build': ('IndexOptions', 'build_person_index'),
        'video_search.detections': ('PersonDetector',),
        'video_search.finder': ('PersonFinder',),
        'video_search.index_file': ('read_index',),
        'video_search.model': ('video_model',),
        'video_search.query': ('BoxInVideo', 'resolve_query'),
        'video_search.search': ('search_persons', 'write_results'),
        'video_search.tracklets': ('Cleaning',),
    },
)
