# DeepFashion2, see docs/datasets.md. The annotation files are written by
# tools/dataset_converters/deepfashion2.py.
data_root = 'data/deepfashion2/'

train_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(
        type='mmfashion_ext.ResizeClothes',
        scale=(1333, 800),  # long edge, short edge
        keep_ratio=True,
    ),
    dict(type='mmfashion_ext.RandomFlipClothes', prob=0.5),
    dict(type='mmfashion_ext.PackClothes'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(
        type='mmfashion_ext.ResizeClothes', scale=(1333, 800), keep_ratio=True
    ),
    # after the resize: ground truth to draw stays in pixels of the file
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmfashion_ext.PackClothes'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    # wide and tall images in batches of their own: less padding
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        type='mmfashion_ext.DeepFashion2Dataset',
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/image/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmfashion_ext.DeepFashion2Dataset',
        data_root=data_root,
        ann_file='annotations/validation.json',
        data_prefix=dict(img='validation/image/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='mmfashion_ext.DeepFashion2Metric',
    ann_file=data_root + 'annotations/validation.json',
)
test_evaluator = val_evaluator

# tools/test.py --tta: the image and its mirror image
tta_model = dict(
    type='mmfashion_ext.ClothesTTAModel',
    nms=dict(type='nms', iou_threshold=0.5),
    max_per_img=100,
)
tta_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(
                    type='mmfashion_ext.ResizeClothes',
                    scale=(1333, 800),
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
