# Regression (RLE, arXiv:2107.11291) from pooled features of ResNet-50.
_base_ = 'model_res50.py'

model = dict(
    neck=dict(type='mmpose.GlobalAveragePooling'),
    head=dict(
        _delete_=True,
        type='mmfashion_ext.CategoryRLEHead',
        in_channels=2048,
        points='separate',
        loss=dict(type='mmpose.RLELoss', use_target_weight=True),
    ),
)
