# Mobile student whose coarse flows a global style vector of person and garment
# modulates (the idea of Flow-Style, arXiv:2204.01046); the rest is
# pf-afn-mobile_e2e_8xb4-100e_viton-256x192.
_base_ = [
    '_base_/model_student_e2e.py',
    '_base_/dataset_student.py',
    '_base_/schedule_student_e2e.py',
    '_base_/runtime.py',
]

model = dict(
    warp_net=dict(
        _delete_=True,
        type='mmfashion_ext.MobileFlowWarp',
        style_channels=64,
    ),
    generator=dict(_delete_=True, type='mmfashion_ext.MobileTryOnGenerator'),
    distillation=dict(feature_weight=0.0),
    changed_loss=dict(type='mmfashion_ext.ChangedRegionLoss'),
    warp_weight=1.0,
    teacher_checkpoint='work_dirs/pb-afn_e2e_8xb4-100e_viton-256x192/'
    'epoch_100.pth',
)
optim_wrapper = dict(
    optimizer=dict(lr=5e-4), paramwise_cfg=dict(_delete_=True)
)
