# The synthetic VITON of dataset_tutor_synthetic.py for the student. Persons of
# the test wear the garment they are tested with, and its true flow is known.
_base_ = 'dataset_student.py'

data_root = 'data/synthetic_viton/'

test_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.PackTryOn'),
]
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root)
)
val_dataloader = dict(
    _delete_=True,
    batch_size=4,
    num_workers=1,
    drop_last=False,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmfashion_ext.TryOnDataset',
        data_root=data_root,
        layout='viton',
        split='test',
        paired=True,
        annotations=['parse', 'flow'],
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='mmfashion_ext.WarpMetric'),
    dict(type='mmfashion_ext.TryOnMetric'),
]
test_evaluator = val_evaluator
