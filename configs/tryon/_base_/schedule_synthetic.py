# 8 epochs at a larger learning rate, which decays in the second half
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
