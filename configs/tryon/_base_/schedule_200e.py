# 100 epochs at the full learning rate, 100 that decay linearly to 1/100 of it;
# weights that are copied from the tutor are frozen until epoch 100
_base_ = 'schedule_100e.py'

train_cfg = dict(max_epochs=200)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end_factor=1 / 100, begin=100, end=200)
custom_hooks = [dict(type='mmfashion_ext.PartialStartHook', switch_epoch=100)]
