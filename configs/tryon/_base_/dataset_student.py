# VITON for the student, see docs/datasets.md. Training adds an unpaired cloth,
# for the tutor; tests load neither parse map nor pose.
data_root = 'data/viton/'

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.DrawPose'),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.PackTryOn'),
]

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
        unpaired='random',
        pipeline=train_pipeline,
    ),
)
# paired: each test person in the worn garment, so the photograph is the truth
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
        annotations=[],
        pipeline=test_pipeline,
    ),
)
# unpaired: the truth is not known, so distributions of images are compared
test_dataloader = dict(
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
        paired=False,
        annotations=[],
        pipeline=test_pipeline,
    ),
)

val_evaluator = dict(type='mmfashion_ext.TryOnMetric')
test_evaluator = dict(
    type='mmfashion_ext.FidelityMetric',
    checkpoint='checkpoints/weights-inception-2015-12-05-6726825d.pth',
)
