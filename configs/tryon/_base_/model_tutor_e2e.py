# Tutor with its generator; loss 0.5 W + G, see docs/tryon.md
_base_ = 'model_tutor.py'

model = dict(
    generator=dict(type='mmfashion_ext.TryOnGenerator', in_channels=8),
    try_on_loss=dict(type='mmfashion_ext.TryOnLoss'),
    warp_weight=0.5,
)
