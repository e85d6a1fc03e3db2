# 12 epochs of 16 images a step: the paper's retrieval and joint schedule.
_base_ = 'mmdet::_base_/schedules/schedule_1x.py'

# the paper's weight decay, a tenth of the usual one
optim_wrapper = dict(optimizer=dict(weight_decay=0.00001))
