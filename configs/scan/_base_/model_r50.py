# SCAN (arXiv:1807.05688): two-stream ResNet-50, self and collaborative
# attention, generalised similarity, OIM and pair loss. A leaf config adds the
# number of training persons.
model = dict(
    type='mmfashion_ext.SCANRecognizer',
    data_preprocessor=dict(type='mmfashion_ext.ClipDataPreprocessor'),
    frame_cnn=dict(
        type='mmfashion_ext.FrameCNN',
        backbone=dict(
            type='mmpretrain.ResNet',
            depth=50,
            init_cfg=dict(
                type='Pretrained', checkpoint='torchvision://resnet50'
            ),
        ),
        raw_channels=2048,
        channels=128,
        flow=True,
    ),
    matcher=dict(
        type='mmfashion_ext.SCANMatcher',
        raw_channels=2048,
        channels=128,
        pooling='self+collaborative',
    ),
    oim_loss=dict(
        type='mmfashion_ext.OIMLoss', channels=128, scalar=30.0, momentum=0.5
    ),
    pair_loss=dict(type='mmfashion_ext.PairLoss', sampling_rate=3.0),
    oim_rate=dict(base=1.0, factor=1e-6, step=30),
    pair_weight=100.0,
)
