# Last of four stages: the student with its generator.
_base_ = [
    '_base_/model_student_e2e.py',
    '_base_/dataset_student_hd.py',
    '_base_/schedule_student_e2e.py',
    '_base_/runtime.py',
]

model = dict(
    teacher_checkpoint='work_dirs/pb-afn_e2e_8xb4-100e_viton-hd-512x384/'
    'epoch_100.pth',
)
load_from = 'work_dirs/pf-afn_warp_8xb4-200e_viton-hd-512x384/epoch_200.pth'
load_from_partial = dict(new=['generator.'])
