# The joint model of 81 points (arXiv:2005.00419) to fine-tune: HRNet-w48 at
# 384 x 288. All weights come from load_from of runtime_finetune.py.
_base_ = 'model_hrnet-w32.py'

model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)),
        ),
        init_cfg=None,
    ),
    head=dict(
        in_channels=48,
        points='aggregated',
        # the codec of dataset_deepfashion2_udp_384x288.py
        decoder=dict(
            type='mmpose.UDPHeatmap',
            input_size=(288, 384),  # (w, h)
            heatmap_size=(72, 96),
            sigma=3,
        ),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)
