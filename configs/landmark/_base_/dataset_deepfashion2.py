# DeepFashion2, see docs/datasets.md, all 13 categories together. The
# pipelines depend on the codec: dataset_deepfashion2_{codec}_{h}x{w}.py.
data_root = 'data/deepfashion2/'
# mmpose's inferencer reads these two
dataset_type = 'mmfashion_ext.DeepFashion2LandmarkDataset'
data_mode = 'topdown'

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/image/'),
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/validation.json',
        # detected boxes instead of the annotated ones:
        # bbox_file='work_dirs/.../predictions.bbox.json',
        data_prefix=dict(img='validation/image/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='mmfashion_ext.LandmarkMetric',
    ann_file=data_root + 'annotations/validation.json',
)
test_evaluator = val_evaluator
