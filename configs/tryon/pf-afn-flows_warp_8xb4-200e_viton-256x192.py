# Ablation of the paper, stage 3: distillation of flows alone.
_base_ = [
    '_base_/model_student.py',
    '_base_/dataset_student.py',
    '_base_/schedule_200e.py',
    '_base_/runtime.py',
]

model = dict(
    distillation=dict(feature_weight=0.0),
    teacher_checkpoint='work_dirs/pb-afn_e2e_8xb4-100e_viton-256x192/'
    'epoch_100.pth',
    start_from_teacher=True,
)
