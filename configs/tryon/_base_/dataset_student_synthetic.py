# Synthetic VITON for the student, see dataset_tutor_synthetic.py. Tests are
# paired: each person in the worn garment, whose true flow is known.
_base_ = 'dataset_student.py'

data_root = 'data/synthetic_viton/'

train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root)
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root, paired=True, annotations=['parse', 'flow']
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='mmfashion_ext.WarpMetric'),
    dict(type='mmfashion_ext.TryOnMetric'),
]
test_evaluator = val_evaluator
