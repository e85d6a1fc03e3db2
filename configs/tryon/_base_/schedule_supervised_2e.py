# Two epochs: the learning rate rises for 20 iterations
_base_ = 'schedule_supervised.py'

train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        by_epoch=False,
        begin=0,
        end=20,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=2,
        eta_min=5e-5,
        convert_to_iter_based=True,
    ),
]
