# Coordinates as a share of the input, for RLE (arXiv:2107.11291).
_base_ = 'dataset_deepfashion2.py'

input_size = (192, 256)  # (w, h)
codec = dict(type='mmpose.RegressionLabel', input_size=input_size)

train_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform'),
    dict(type='mmpose.TopdownAffine', input_size=input_size),
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
