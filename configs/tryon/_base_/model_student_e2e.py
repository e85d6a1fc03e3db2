# Student with its generator; loss 0.25 (W + D) + G, see docs/tryon.md
_base_ = 'model_student.py'

model = dict(
    generator=dict(type='mmfashion_ext.TryOnGenerator', in_channels=7),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    # schedule_student_e2e.py doubles its weights from epoch 50 on
    skin_loss=dict(type='mmfashion_ext.SkinLoss'),
    warp_weight=0.25,
)
