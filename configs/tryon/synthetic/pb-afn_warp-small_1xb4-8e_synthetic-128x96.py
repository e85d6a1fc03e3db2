# First of four stages, narrow: the tutor's warp network, from random weights.
_base_ = [
    '../_base_/model_tutor_small.py',
    '../_base_/dataset_tutor_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]
