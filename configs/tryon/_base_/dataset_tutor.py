# VITON for the tutor, see docs/datasets.md: neither resized nor augmented. Its
# tests need parse maps, poses and DensePose of the test persons.
data_root = 'data/viton/'

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.DrawPose'),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    drop_last=True,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmfashion_ext.TryOnDataset',
        data_root=data_root,
        layout='viton',
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    drop_last=False,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmfashion_ext.TryOnDataset',
        data_root=data_root,
        layout='viton',
        split='test',
        paired=True,
        annotations=['parse', 'pose', 'densepose'],
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='mmfashion_ext.WarpMetric'),
    dict(type='mmfashion_ext.TryOnMetric'),
]
test_evaluator = val_evaluator
