# Trains from nothing in six minutes on 2 cores, one process on each: what
# `make train-demo` runs. In one process give it the 16 images of both:
#   --cfg-options train_dataloader.batch_size=16
_base_ = [
    '../_base_/model_r18_small.py',
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]
