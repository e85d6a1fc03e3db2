# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Virtual try-on without a parser: PF-AFN (arXiv:2103.04559), on MMEngine.

A parser-based *tutor* (PB-AFN) learns to put a cloth on a person from the
person's parse map, pose and DensePose. A parser-free *student* (PF-AFN) gets
the tutor's image as the person and the garment that the person really wears as
the cloth, so the photograph is its target; where the tutor warps better than
the student, the student also imitates the tutor's flows and features. At test
time the student needs the photograph and the cloth only.

Symbols of this package:

- ``B`` batch; ``H``, ``W`` size of an image in px, multiples of 32 inside
  the networks; ``C`` = 256 channels of a feature pyramid.
- scale n = 0 ... 4, coarse to fine; every list over scales has this order.
- person, cloth: images (B, 3, H, W), RGB in [-1, 1]; the cloth is 0 outside
  its mask. Masks: (B, 1, H, W) in 0-1.
- offset: (B, 2, h, w), channel 0 = x, in px of its own feature map.
- grid, flow G_n: (B, 2, h, w), where to sample the cloth, channel 0 = x, from
  -1 (centre of the first pixel) to 1 (centre of the last).
- parse: label map 0 ... 13; densepose: part ids 0 ... 24; pose map:
  (B, 18, H, W), a square of +1 around each joint, -1 elsewhere.
"""

from ..plugins import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        'data_preprocessor': ('TryOnDataPreprocessor',),
        'dataset': ('TryOnDataset',),
        'distillation': ('AdjustableDistillation',),
        'inference.fast_try_on': ('FastTryOn',),
        'fidelity_metric': ('FidelityMetric',),
        'generator': ('TryOnGenerator',),
        'partial_start_hook': ('PartialStartHook',),
        'inferencer': ('TryOnInferencer',),
        'losses': (
            'ChangedRegionLoss',
            'SkinLoss',
            'TryOnLoss',
            'WarpLoss',
        ),
        'metric': ('TryOnMetric', 'WarpMetric'),
        'parse_corruption': ('CorruptParse',),
        'perceptual': ('PerceptualLoss',),
        'mobile_generator': ('MobileTryOnGenerator',),
        'mobile_warp_net': ('MobileFlowWarp',),
        'move_person': ('RandomMovePerson',),
        'photo_pairs_dataset': ('AddTruthMaps', 'TryOnPhotoPairs'),
        'structures': ('TryOnDataSample',),
        'student': ('ParserFreeTryOn',),
        'supervised': ('SupervisedTryOn', 'TrueFlowLoss', 'TrueImageLoss'),
        'switch_loss_hook': ('SwitchLossHook',),
        'transforms': ('DrawPose', 'LoadTryOn', 'PackTryOn', 'ResizeTryOn'),
        'tutor': ('ParserBasedTryOn',),
        'visualizer': ('TryOnVisualizationHook', 'TryOnVisualizer'),
        'warp_net': ('AppearanceFlowWarp',),
    },
)
