# The published schedule, 30 epochs: one optimizer for the CNN, whose learning
# rate falls a little every epoch, and one for attention and classifier, whose
# learning rate falls to a hundredth every ten epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmfashion_ext.SCANOptimWrapperConstructor',
    optimizer=dict(
        type='SGD',
        lr=0.001,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.0005,
    ),
)
param_scheduler = dict(
    cnn=dict(type='ExponentialLR', gamma=0.1 ** (1 / 20)),
    attention=dict(type='StepLR', step_size=10, gamma=0.01),
)
# the published seed
randomness = dict(seed=1)
