# Learning rate of the warp network: 1/5 of that of the generator, as in
# schedule_e2e.py; the weights of the skin terms double from epoch 50 on
_base_ = 'schedule_100e.py'

optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(warp_net=dict(lr_mult=0.2)))
)
custom_hooks = [
    dict(
        type='mmfashion_ext.SwitchLossHook',
        loss='skin_loss',
        switch_epoch=50,
        values=dict(weights=(60.0, 4.0)),
    )
]
