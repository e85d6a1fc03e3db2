_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_deepfashion2.py',
    '_base_/schedule_1x_adamw.py',
    '_base_/runtime.py',
]

weights = 'https://download.openmmlab.com/mmclassification/v0/convnext/downstream/convnext-tiny_3rdparty_32xb128-noema_in1k_20220301-795e9634.pth'
backbone = dict(
    type='mmpretrain.ConvNeXt',
    arch='tiny',
    out_indices=[0, 1, 2, 3],
    drop_path_rate=0.4,
    gap_before_final_norm=False,
    init_cfg=dict(type='Pretrained', checkpoint=weights, prefix='backbone.'),
)
model = dict(
    backbone=dict(_delete_=True, **backbone),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
