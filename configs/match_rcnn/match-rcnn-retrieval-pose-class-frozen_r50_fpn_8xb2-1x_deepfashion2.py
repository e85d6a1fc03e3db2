# Only the match network learns, on a detector that is trained already.
_base_ = [
    '_base_/model_r50_match.py',
    '_base_/dataset_deepfashion2_pairs.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]

load_from = 'work_dirs/match-rcnn_r50_fpn_8xb2-1x_deepfashion2/epoch_12.pth'
load_from_partial = dict(new=['roi_head.match_head.'])

model = dict(
    type='mmfashion_ext.FrozenMaskRCNN',
    backbone=dict(init_cfg=None),
    roi_head=dict(match_head=dict(feature='pose+class')),
)
