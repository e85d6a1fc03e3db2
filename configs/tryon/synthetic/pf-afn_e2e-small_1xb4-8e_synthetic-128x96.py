# Last of four stages, narrow: the student with its generator.
_base_ = [
    '../_base_/model_student_small.py',
    '../_base_/dataset_student_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(
    generator=dict(
        type='mmfashion_ext.TryOnGenerator',
        in_channels=7,
        widths=(8, 16, 32, 48, 48),
    ),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    skin_loss=dict(type='mmfashion_ext.SkinLoss'),
    warp_weight=0.25,
    teacher_checkpoint='work_dirs/pb-afn_e2e-small_1xb4-8e_synthetic-128x96/'
    'epoch_8.pth',
)
# learning rate of the warp network, which is trained already: 1/5
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(warp_net=dict(lr_mult=0.2)))
)
# the weights of the skin terms double in the second half
custom_hooks = [
    dict(
        type='mmfashion_ext.SwitchLossHook',
        loss='skin_loss',
        switch_epoch=4,
        values=dict(weights=(60.0, 4.0)),
    )
]
load_from = (
    'work_dirs/pf-afn_warp-small_1xb4-16e_synthetic-128x96/epoch_16.pth'
)
load_from_partial = dict(new=['generator.'])
