# Third of four stages, narrow: the student's warp network. Twice as long as
# the others, as published; but the weights that are copied from the tutor are
# frozen for a quarter of it only, because this tutor is trained briefly.
_base_ = [
    '../_base_/model_student_small.py',
    '../_base_/dataset_student_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(
    teacher_checkpoint='work_dirs/pb-afn_e2e-small_1xb4-8e_synthetic-128x96/'
    'epoch_8.pth',
    start_from_teacher=True,
)
train_cfg = dict(max_epochs=16, val_interval=16)
param_scheduler = dict(begin=8, end=16)
custom_hooks = [dict(type='mmfashion_ext.PartialStartHook', switch_epoch=4)]
