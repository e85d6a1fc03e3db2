# 2,000 steps of AdamW with warm-up and cosine, and the moving average of the
# weights, which is what is kept.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2000, val_interval=800)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.0005, weight_decay=0.05, fused=True),
    # the backbone has seen ImageNet
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3))),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=200),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.000005,
        begin=200,
        end=2000,
        by_epoch=False,
    ),
]
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.002,
        gamma=200,
        update_buffers=True,
        priority=49,
    )
]
randomness = dict(seed=0)
