# Simple baselines (arXiv:1804.06208): ResNet-50, three deconvolutions, maps at
# a quarter of the input. A leaf config adds the decoder.
model = dict(
    type='mmpose.TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose.PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmpose.ResNet',
        depth=50,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    head=dict(
        type='mmfashion_ext.CategoryHeatmapHead',
        in_channels=2048,
        points='separate',
        loss=dict(type='mmpose.KeypointMSELoss', use_target_weight=True),
    ),
)
