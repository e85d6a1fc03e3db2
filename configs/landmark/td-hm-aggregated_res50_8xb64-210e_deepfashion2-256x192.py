# 81 points that categories share (arXiv:2005.00419) instead of 294 landmarks.
_base_ = [
    '_base_/dataset_deepfashion2_msra_256x192.py',
    '_base_/model_res50.py',
    '_base_/schedule_210e.py',
    '_base_/runtime.py',
]

model = dict(
    head=dict(points='aggregated', decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
