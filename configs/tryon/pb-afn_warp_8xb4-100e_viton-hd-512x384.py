# First of four stages: the tutor's warp network, from random weights.
_base_ = [
    '_base_/model_tutor.py',
    '_base_/dataset_tutor_hd.py',
    '_base_/schedule_100e.py',
    '_base_/runtime.py',
]
