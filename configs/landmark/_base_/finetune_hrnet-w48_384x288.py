# The winning entry's second stage ("finetuning", arXiv:2005.00419, section
# 3.2): the joint model of 81 points goes on with one category, 20 epochs at a
# tenth of the rate. A leaf config names the category.
_base_ = [
    'dataset_deepfashion2.py',
    'model_hrnet-w32.py',
    '../../_base_/default_runtime.py',
]

default_scope = 'mmpose'
load_from = (
    'work_dirs/td-hm-udp-aggregated_hrnet-w48_8xb64-210e_deepfashion2-384x288/'
    'epoch_210.pth'
)

input_size = (288, 384)  # (w, h)
codec = dict(
    type='mmpose.UDPHeatmap',
    input_size=input_size,
    heatmap_size=(72, 96),
    sigma=3,
)
model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)),
        ),
        init_cfg=None,  # all weights come from load_from
    ),
    head=dict(in_channels=48, points='aggregated', decoder=codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

train_pipeline = [
    dict(type='mmpose.LoadImage'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform'),
    dict(type='mmpose.TopdownAffine', input_size=input_size, use_udp=True),
    dict(type='mmfashion_ext.SelectCategoryLandmarks'),
    dict(type='mmpose.GenerateTarget', encoder=codec),
    dict(type='mmpose.PackPoseInputs'),
]
test_pipeline = [
    dict(type='mmpose.LoadImage'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.TopdownAffine', input_size=input_size, use_udp=True),
    dict(type='mmfashion_ext.PackLandmarks'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=0.00005)
)
param_scheduler = [
    dict(
        type='MultiStepLR',
        milestones=[12, 17],
        gamma=0.1,
        by_epoch=True,
        begin=0,
        end=20,
    ),
]
auto_scale_lr = dict(base_batch_size=512)

default_hooks = dict(
    checkpoint=dict(interval=5),
    visualization=dict(type='mmpose.PoseVisualizationHook', enable=False),
)
visualizer = dict(
    type='mmpose.PoseLocalVisualizer',
    name='visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    radius=2,
    line_width=1,
)
