_base_ = [
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/model_small.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(head=dict(decoder=_base_.codec))
