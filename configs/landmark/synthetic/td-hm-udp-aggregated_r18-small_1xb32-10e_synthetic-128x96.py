# 81 points that categories share (arXiv:2005.00419) instead of 294 landmarks.
_base_ = [
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/model_small.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(head=dict(points='aggregated', decoder=_base_.codec))
