# mmpose's schedule for fashion landmarks: Adam, 210 epochs, drops at 170, 200.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=210, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=0.0005)
)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500
    ),
    dict(
        type='MultiStepLR',
        milestones=[170, 200],
        gamma=0.1,
        by_epoch=True,
        begin=0,
        end=210,
    ),
]
# tools/train.py --auto-scale-lr: of 8 GPUs with 64 items each
auto_scale_lr = dict(base_batch_size=512)
