# Narrow tutor, for minutes on 2 cores; without VGG19, whose weights would have
# to be downloaded
_base_ = 'model_tutor.py'

model = dict(
    warp_net=dict(
        widths=(8, 16, 32, 32, 32), channels=32, head_channels=(32, 16, 8)
    ),
    perceptual=None,
)
