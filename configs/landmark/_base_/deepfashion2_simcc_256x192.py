# SimCC (arXiv:2107.03332) as RTMPose uses it: x and y as distributions.
_base_ = 'deepfashion2.py'

input_size = (192, 256)  # (w, h)
codec = dict(
    type='mmpose.SimCCLabel',
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
    dict(type='mmpose.LoadImage'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform', scale_factor=[0.6, 1.4]),
    dict(type='mmpose.TopdownAffine', input_size=input_size),
    dict(type='mmpose.YOLOXHSVRandomAug'),
    dict(type='mmfashion_ext.SelectCategoryLandmarks'),
    dict(type='mmpose.GenerateTarget', encoder=codec),
    dict(type='mmpose.PackPoseInputs'),
]
test_pipeline = [
    dict(type='mmpose.LoadImage'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.TopdownAffine', input_size=input_size),
    dict(type='mmpose.PackPoseInputs', meta_keys=meta_keys),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
