# The student with its generator: 0.25 (W + D) + G
_base_ = 'model_student.py'

model = dict(
    generator=dict(type='mmfashion_ext.TryOnGenerator', in_channels=7),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    # SwitchLossHook of the schedule doubles its weights
    skin_loss=dict(type='mmfashion_ext.SkinLoss'),
    warp_weight=0.25,
)
