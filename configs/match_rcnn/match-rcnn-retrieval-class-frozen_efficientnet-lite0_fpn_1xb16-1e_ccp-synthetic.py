# The whole Match R-CNN for photographs: the published detector, frozen, and
# a match network on its features. The match network learns from pairs of
# images of synthetic clothes in photographed cloth:
#   python -m mmfashion_ext.synthetic deepfashion2 \
#       data/synthetic_deepfashion2_textures --num 4500 --val 500 --size 256 \
#       --textures data/garments
_base_ = [
    './_base_/model_lite0.py',
    './_base_/dataset_deepfashion2_synthetic.py',
    './_base_/schedule_synthetic.py',
    './_base_/runtime.py',
]

load_from = (
    'work_dirs/match-rcnn_efficientnet-lite0_fpn_1xb8-2k_ccp-synthetic/'
    'iter_2000.pth'
)
load_from_partial = dict(new=['roi_head.match_head.'])

model = dict(
    type='mmfashion_ext.FrozenMaskRCNN',
    roi_head=dict(
        match_head=dict(
            type='mmfashion_ext.MatchHead',
            in_channels=96,
            conv_channels=(64, 64, 64, 256),
            out_channels=64,
        ),
    ),
)

data_root = 'data/synthetic_deepfashion2_textures/'
train_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(
        type='RandomResize',
        resize_type='mmfashion_ext.ResizeClothes',
        scale=[(224, 224), (320, 320)],
        keep_ratio=True,
    ),
    dict(type='mmfashion_ext.RandomFlipClothes', prob=0.5),
    dict(type='mmfashion_ext.PackClothes'),
]
# the size of the detector's test
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(
        type='mmfashion_ext.ResizeClothes', scale=(528, 352), keep_ratio=True
    ),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmfashion_ext.PackClothes'),
]
train_dataloader = dict(
    batch_size=16,
    sampler=dict(_delete_=True, type='mmfashion_ext.PairSampler'),
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='mmfashion_ext.RetrievalMetric',
    ann_file=data_root + 'annotations/validation.json',
)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        begin=0,
        end=1,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
