# Mobile student, first half of its training: generated people, half the size,
# a quarter of the time.
_base_ = [
    '../_base_/model_student_mobile_supervised.py',
    '../_base_/dataset_truth_synthetic.py',
    '../_base_/schedule_supervised.py',
    '../_base_/runtime.py',
]

size = (128, 96)
train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=size),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = train_pipeline
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=6, val_interval=3)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=6,
        eta_min=1e-4,
        convert_to_iter_based=True,
    ),
]
