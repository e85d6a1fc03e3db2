# SimCC (arXiv:2107.03332) as RTMPose uses it: x and y as distributions.
_base_ = 'deepfashion2.py'

input_size = (192, 256)  # (w, h)
codec = dict(
    type='SimCCLabel',
    input_size=input_size,
    sigma=(4.9, 5.66),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)
# what the head and the metric want to know of a sample
meta_keys = (
    *('id', 'img_id', 'img_path', 'category_id', 'dataset_name'),
    *('ori_shape', 'img_shape', 'input_size', 'input_center', 'input_scale'),
    *('flip', 'flip_direction', 'flip_indices', 'landmark_states'),
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', scale_factor=[0.6, 1.4]),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='mmfashion_ext.SelectCategoryLandmarks'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type='PackPoseInputs', meta_keys=meta_keys),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
