# Third of four stages, narrow: the student's warp network.
_base_ = [
    '../_base_/student_small.py',
    '../_base_/dataset_student_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(
    teacher_checkpoint='work_dirs/pb-afn_e2e-small_1xb4-8e_synthetic-128x96/'
    'epoch_8.pth',
    start_from_teacher=True,
)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
custom_hooks = [dict(type='mmfashion_ext.PartialStartHook', switch_epoch=4)]
