# model_hrnet-w32.py with mmpose's head; a leaf config adds its number of maps.
_base_ = 'model_hrnet-w32.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose.HeatmapHead',
        in_channels=32,
        deconv_out_channels=None,
        loss=dict(type='mmpose.KeypointMSELoss', use_target_weight=True),
    )
)
