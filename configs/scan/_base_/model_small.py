# A SCAN that trains from nothing on 2 cores, for frames of (64, 32): ResNet-10
# of a quarter of the width.
_base_ = 'model.py'

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
    # persons of the training half of 120
    oim_loss=dict(channels=channels, num_classes=60),
)
