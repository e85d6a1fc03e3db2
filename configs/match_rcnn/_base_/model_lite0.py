# A Match R-CNN for a CPU: EfficientNet-Lite0 by timm, 96 channels from stride
# 8 on, categories that learn from candidate sets.
_base_ = 'model_r50.py'

strides = [8, 16, 32]
channels = 96
# upper, outerwear, dress, skirt, trousers, shorts: a sleeve does not change
# how a shirt is cut out
category_groups = [0, 0, 1, 1, 0, 0, 5, 4, 3, 2, 2, 2, 2]

model = dict(
    data_preprocessor=dict(
        # what EfficientNet-Lite was trained with
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
    ),
    backbone=dict(
        _delete_=True,
        type='mmfashion_ext.TimmBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(2, 3, 4),
        frozen_stages=3,
        init_cfg=dict(
            type='Pretrained',
            # see docs/match_rcnn.md for the two commands that make it
            checkpoint='data/pretrained/tf_efficientnet_lite0.pth',
        ),
    ),
    neck=dict(
        in_channels=[40, 112, 320],
        out_channels=channels,
        num_outs=4,
        # without, features as large as these make the heads start badly
        norm_cfg=dict(type='GN', num_groups=16),
    ),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[4, 6], strides=[*strides, 64]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            roi_layer=dict(sampling_ratio=2),
            out_channels=channels,
            featmap_strides=strides,
            # RoIs up to 224 pixels read the features of stride 8
            finest_scale=112,
        ),
        bbox_head=dict(
            type='mmfashion_ext.CandidateSetBBoxHead',
            in_channels=channels,
            fc_out_channels=512,
            reg_class_agnostic=True,
            category_groups=category_groups,
        ),
        mask_roi_extractor=dict(
            roi_layer=dict(sampling_ratio=2),
            out_channels=channels,
            featmap_strides=strides,
            finest_scale=112,
        ),
        mask_head=dict(
            type='mmfashion_ext.GroupMaskHead',
            category_groups=category_groups,
            num_convs=3,
            in_channels=channels,
            conv_out_channels=channels,
        ),
        landmark_head=dict(
            num_convs=4,
            in_channels=channels,
            conv_channels=128,
            # a softmax over 3136 cells starts at a loss of 8, the others at 1
            loss_weight=0.25,
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=500, max_per_img=200),
        rcnn=dict(sampler=dict(num=48)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=500, max_per_img=200),
        rcnn=dict(max_per_img=20),
    ),
)
