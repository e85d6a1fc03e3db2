# Trains from nothing in a few minutes on 2 cores: what `make demo` runs.
_base_ = [
    '../_base_/model_small.py',
    '../_base_/dataset_synthetic.py',
    '../_base_/runtime.py',
]

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.01),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        begin=0,
        end=2,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
