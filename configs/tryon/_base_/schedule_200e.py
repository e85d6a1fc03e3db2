# 100 epochs at the full rate, 100 that fall linearly to a hundredth of it;
# what the student has from the tutor waits until epoch 100
_base_ = 'schedule_100e.py'

train_cfg = dict(max_epochs=200)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end_factor=1 / 100, begin=100, end=200)
custom_hooks = [dict(type='mmfashion_ext.PartialStartHook', switch_epoch=100)]
