# Synthetic DeepFashion2 of 256 x 256 pixels, see docs/synthetic.md:
#   python -m mmfashion_ext.synthetic deepfashion2 \
#       data/synthetic_deepfashion2 --num 2200 --val 300 --size 256
_base_ = 'dataset_deepfashion2.py'

data_root = 'data/synthetic_deepfashion2/'
size = (160, 160)  # (w, h); padded to multiples of 32

train_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmfashion_ext.ResizeClothes', scale=size, keep_ratio=True),
    dict(type='mmfashion_ext.RandomFlipClothes', prob=0.5),
    dict(type='mmfashion_ext.PackClothes'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='mmfashion_ext.ResizeClothes', scale=size, keep_ratio=True),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmfashion_ext.PackClothes'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    batch_sampler=None,
    dataset=dict(
        data_root=data_root,
        filter_cfg=dict(min_size=8),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + 'annotations/validation.json')
test_evaluator = val_evaluator

tta_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(
                    type='mmfashion_ext.ResizeClothes',
                    scale=size,
                    keep_ratio=True,
                )
            ],
            [
                dict(type='mmfashion_ext.RandomFlipClothes', prob=0.0),
                dict(type='mmfashion_ext.RandomFlipClothes', prob=1.0),
            ],
            [dict(type='mmfashion_ext.PackClothes')],
        ],
    ),
]
