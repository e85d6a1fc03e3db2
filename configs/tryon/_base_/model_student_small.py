# Narrow student, for minutes on 2 cores; without VGG19
_base_ = 'model_student.py'

warp_net = dict(
    widths=(8, 16, 32, 32, 32), channels=32, head_channels=(32, 16, 8)
)
model = dict(
    warp_net=warp_net,
    teacher=dict(
        warp_net=warp_net, generator=dict(widths=(8, 16, 32, 48, 48))
    ),
    perceptual=None,
)
