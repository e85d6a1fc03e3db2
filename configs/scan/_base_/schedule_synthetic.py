# 12 epochs from random weights: a larger learning rate, cosine for both
# optimizers.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=12)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmfashion_ext.SCANOptimWrapperConstructor',
    optimizer=dict(
        type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=0.0005
    ),
    clip_grad=dict(max_norm=10),
)
cosine = dict(
    type='CosineAnnealingLR', eta_min=0, T_max=12, convert_to_iter_based=True
)
param_scheduler = dict(cnn=cosine, attention=cosine)
randomness = dict(seed=0)
