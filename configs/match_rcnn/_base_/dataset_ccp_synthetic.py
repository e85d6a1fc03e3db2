# Photographs of Clothing Co-Parsing (CCP), photographs of single garments
# (CC0) and synthetic DeepFashion2, for training together; see
# docs/datasets.md for how to get and convert them.
ccp_root = 'data/ccp/'
garments_root = 'data/garments/'
synthetic_root = 'data/synthetic_deepfashion2_448/'

train_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmdet.PhotoMetricDistortion'),
    dict(
        type='RandomApply',
        prob=0.4,
        transforms=[
            dict(
                type='mmfashion_ext.RandomCropClothes',
                crop_type='relative_range',
                crop_size=(0.6, 0.6),
            )
        ],
    ),
    dict(
        type='RandomResize',
        resize_type='mmfashion_ext.ResizeClothes',
        scale=[(360, 208), (528, 336)],  # (long edge, short edge)
        keep_ratio=True,
    ),
    dict(type='mmfashion_ext.RandomFlipClothes', prob=0.5),
    dict(type='mmfashion_ext.FilterClothes', min_gt_bbox_wh=(8, 8)),
    dict(type='mmfashion_ext.PackClothes'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(
        type='mmfashion_ext.ResizeClothes', scale=(528, 352), keep_ratio=True
    ),
    dict(type='mmfashion_ext.PackClothes'),
]

ccp_train = dict(
    type='mmfashion_ext.CandidateSetDataset',
    candidates='ccp',
    data_root=ccp_root,
    ann_file='train.json',
    data_prefix=dict(img='photos/'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=train_pipeline,
)
garments_train = dict(
    type='mmfashion_ext.CandidateSetDataset',
    candidates=dict(
        dress=[
            'short_sleeved_dress',
            'long_sleeved_dress',
            'vest_dress',
            'sling_dress',
        ],
        # a few are jackets; the sleeves are what these photographs teach
        longsleeve=['long_sleeved_shirt'],
        outwear=['short_sleeved_outwear', 'long_sleeved_outwear'],
        pants=['trousers'],
        shirt=['short_sleeved_shirt', 'long_sleeved_shirt'],
        shorts=['shorts'],
        skirt=['skirt'],
        **{'t-shirt': ['short_sleeved_shirt']},
    ),
    data_root=garments_root,
    ann_file='train.json',
    data_prefix=dict(img='train/'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=train_pipeline,
)
synthetic_train = dict(
    type='mmfashion_ext.DeepFashion2Dataset',
    data_root=synthetic_root,
    ann_file='train.json',
    data_prefix=dict(img='train/image/'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        type='ConcatDataset',
        # of 15 images 10 are CCP's
        datasets=[
            dict(type='RepeatDataset', times=14, dataset=ccp_train),
            synthetic_train,
            garments_train,
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmfashion_ext.CandidateSetDataset',
        candidates='ccp',
        data_root=ccp_root,
        ann_file='validation.json',
        data_prefix=dict(img='photos/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='mmfashion_ext.CCPMetric',
    ann_file=ccp_root + 'validation.json',
    per_category=True,
)
test_evaluator = val_evaluator
