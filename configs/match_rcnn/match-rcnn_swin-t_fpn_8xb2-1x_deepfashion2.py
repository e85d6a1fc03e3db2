_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_deepfashion2.py',
    '_base_/schedule_1x_adamw.py',
    '_base_/runtime.py',
]

weights = 'https://github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_tiny_patch4_window7_224.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        drop_path_rate=0.2,
        convert_weights=True,
        init_cfg=dict(type='Pretrained', checkpoint=weights),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
