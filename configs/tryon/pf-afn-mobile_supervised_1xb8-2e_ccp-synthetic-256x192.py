# Mobile student on pairs made of photographs and on generated people, from
# the one that was trained on generated people alone.
_base_ = [
    '_base_/model_student_mobile_supervised.py',
    '_base_/dataset_truth_photos.py',
    '_base_/schedule_supervised.py',
    '_base_/runtime.py',
]

train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=2,
        eta_min=1e-5,
        convert_to_iter_based=True,
    ),
]
load_from = (
    'work_dirs/pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96/iter_450.pth'
)
default_hooks = dict(
    checkpoint=dict(interval=100, by_epoch=False, max_keep_ckpts=2),
)
