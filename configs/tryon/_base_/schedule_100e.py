# 50 epochs at the full learning rate, 50 that decay linearly to 1/50 of it
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=20)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-5, betas=(0.5, 0.999)),
)
param_scheduler = dict(
    type='LinearLR', start_factor=1.0, end_factor=1 / 50, begin=50, end=100
)
# 8 GPUs x 4
auto_scale_lr = dict(base_batch_size=32)
