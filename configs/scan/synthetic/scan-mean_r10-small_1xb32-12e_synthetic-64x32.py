_base_ = [
    '../_base_/model_r10-small.py',
    '../_base_/dataset_synthetic_64x32.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(matcher=dict(pooling='mean'))
