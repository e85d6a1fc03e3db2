# Second of four stages, narrow: the tutor with its generator.
_base_ = [
    '../_base_/model_tutor_small.py',
    '../_base_/dataset_tutor_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(
    generator=dict(
        type='mmfashion_ext.TryOnGenerator',
        in_channels=8,
        widths=(8, 16, 32, 48, 48),
    ),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    warp_weight=0.5,
)
# learning rate of the warp network, which is trained already: 1/5
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(warp_net=dict(lr_mult=0.2)))
)
load_from = 'work_dirs/pb-afn_warp-small_1xb4-8e_synthetic-128x96/epoch_8.pth'
load_from_partial = dict(new=['generator.'])
