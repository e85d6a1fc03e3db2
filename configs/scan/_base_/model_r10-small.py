# A small SCAN that trains from random weights on 2 cores, for 64 x 32 px
# frames: ResNet-10 with a quarter of the channels.
_base_ = 'model_r50.py'

channels = 64

model = dict(
    frame_cnn=dict(
        backbone=dict(
            _delete_=True,
            type='mmfashion_ext.TorchvisionResNet',
            depth=10,
            base_channels=16,
        ),
        raw_channels=128,
        channels=channels,
    ),
    matcher=dict(raw_channels=128, channels=channels),
    # training persons: half of the 120 synthetic ones
    oim_loss=dict(channels=channels, num_classes=60),
)
