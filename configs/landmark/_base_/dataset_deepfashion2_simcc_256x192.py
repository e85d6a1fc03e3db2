# SimCC (arXiv:2107.03332) as RTMPose uses it: x and y as distributions.
_base_ = 'dataset_deepfashion2.py'

input_size = (192, 256)  # (w, h)
codec = dict(
    type='mmpose.SimCCLabel',
    input_size=input_size,
    sigma=(4.9, 5.66),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)

train_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
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
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.TopdownAffine', input_size=input_size),
    dict(type='mmfashion_ext.PackLandmarks'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
