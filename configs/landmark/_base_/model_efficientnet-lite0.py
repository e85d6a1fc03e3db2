# A light simple baseline for a CPU: EfficientNet-Lite0 by timm up to stride
# 16, two narrow deconvolutions. A leaf config adds the decoder.
model = dict(
    type='mmpose.TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose.PoseDataPreprocessor',
        # what EfficientNet-Lite was trained with, RGB
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmfashion_ext.TimmBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(3,),
        # stem and two stages stay as ImageNet made them: nothing of how
        # synthetic cloth is drawn can be learned there
        frozen_stages=3,
        init_cfg=dict(
            type='Pretrained',
            # see docs/match_rcnn.md for the two commands that make it
            checkpoint='data/pretrained/tf_efficientnet_lite0.pth',
        ),
    ),
    head=dict(
        type='mmfashion_ext.CategoryHeatmapHead',
        in_channels=112,
        points='separate',
        deconv_out_channels=(128, 128),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='mmpose.KeypointMSELoss', use_target_weight=True),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)
