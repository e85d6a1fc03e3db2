# Trains from nothing in a few minutes on 2 cores: what `make demo` runs.
_base_ = [
    '../_base_/model_small.py',
    '../_base_/dataset_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]
