# A narrow tutor that learns from nothing on 2 cores: no VGG, whose weights
# would have to be downloaded
_base_ = 'tutor.py'

model = dict(
    warp_net=dict(
        widths=(16, 32, 48, 48, 48), channels=48, head_channels=(48, 32, 16)
    ),
    perceptual=None,
)
