# Learning rate of the warp network: 1/5 of that of the generator
_base_ = 'schedule_100e.py'

optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(warp_net=dict(lr_mult=0.2)))
)
