# A Match R-CNN that trains from nothing on 2 cores, for images of about 160
# pixels: half of ResNet-18, a quarter of the other channels, batch norm that
# learns, no features of stride 4, few RoIs with one sample a bin.
_base_ = 'model_r50.py'

strides = [8, 16, 32]
channels = 64
# where a batch is never empty; some images have no RoI with a mask
norm_cfg = dict(type='BN')

model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        out_indices=(1, 2, 3),
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(
        in_channels=[64, 128, 256],
        out_channels=channels,
        num_outs=3,
        norm_cfg=norm_cfg,
    ),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[4], strides=strides),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            roi_layer=dict(sampling_ratio=1),
            out_channels=channels,
            featmap_strides=strides,
            # RoIs up to 224 pixels read the features of stride 8
            finest_scale=112,
        ),
        bbox_head=dict(
            type='Shared4Conv1FCBBoxHead',
            in_channels=channels,
            conv_out_channels=channels,
            fc_out_channels=256,
            norm_cfg=norm_cfg,
            reg_class_agnostic=True,
            # what a garment is takes longest to learn
            loss_cls=dict(loss_weight=2.0),
        ),
        mask_roi_extractor=dict(
            roi_layer=dict(sampling_ratio=1),
            out_channels=channels,
            featmap_strides=strides,
            finest_scale=112,
        ),
        mask_head=dict(
            num_convs=2,
            in_channels=channels,
            conv_out_channels=channels,
            class_agnostic=True,
        ),
        landmark_head=dict(
            num_convs=2,
            in_channels=channels,
            conv_channels=channels,
            # a softmax over 3136 cells starts at a loss of 8, the others at 1
            loss_weight=0.25,
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=16)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(max_per_img=10),
    ),
)
