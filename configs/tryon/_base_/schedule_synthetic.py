# A short schedule: a larger rate, half of it constant
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8, val_interval=8)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999)),
)
param_scheduler = dict(
    type='LinearLR', start_factor=1.0, end_factor=1 / 4, begin=4, end=8
)
randomness = dict(seed=0)
