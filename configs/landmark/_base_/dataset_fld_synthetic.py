# Synthetic FLD of 256 pixels, see docs/synthetic.md:
#   python -m mmfashion_ext.synthetic fld data/synthetic_fld --num 1500 \
#       --size 256
_base_ = 'dataset_fld.py'

data_root = 'data/synthetic_fld/'
input_size = (96, 128)  # (w, h)
codec = dict(
    type='mmpose.UDPHeatmap',
    input_size=input_size,
    heatmap_size=(24, 32),
    sigma=1.5,
)

train_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform', rotate_factor=30),
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

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
