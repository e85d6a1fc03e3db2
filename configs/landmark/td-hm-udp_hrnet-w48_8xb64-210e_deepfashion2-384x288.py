_base_ = [
    '_base_/dataset_deepfashion2_udp_384x288.py',
    '_base_/model_hrnet-w48.py',
    '_base_/schedule_210e.py',
    '_base_/runtime.py',
]

model = dict(
    head=dict(decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)
