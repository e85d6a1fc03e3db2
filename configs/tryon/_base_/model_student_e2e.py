# The student with its generator: 0.25 (W + D) + G
_base_ = 'model_student.py'

model = dict(
    generator=dict(type='mmfashion_ext.TryOnGenerator', in_channels=7),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    # the skin terms double from epoch 50 on
    skin_loss=dict(type='mmfashion_ext.SkinLoss', switch_epoch=50),
    warp_weight=0.25,
)
