# model_res50.py with mmpose's head; a leaf config adds its number of maps.
_base_ = 'model_res50.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose.HeatmapHead',
        in_channels=2048,
        loss=dict(type='mmpose.KeypointMSELoss', use_target_weight=True),
    )
)
