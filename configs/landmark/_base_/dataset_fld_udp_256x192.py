# UDP (arXiv:1911.07524): unbiased heatmaps and unbiased warps, always both.
_base_ = 'dataset_fld.py'

input_size = (192, 256)  # (w, h)
codec = dict(
    type='mmpose.UDPHeatmap',
    input_size=input_size,
    heatmap_size=(48, 64),
    sigma=2,
)

train_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform'),
    dict(type='mmpose.TopdownAffine', input_size=input_size, use_udp=True),
    dict(type='mmpose.GenerateTarget', encoder=codec),
    dict(type='mmpose.PackPoseInputs'),
]
test_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.TopdownAffine', input_size=input_size, use_udp=True),
    dict(type='mmfashion_ext.PackLandmarks'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
