# Boxes, masks and landmarks together, 8 GPUs x 2 images, 12 epochs.
_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_deepfashion2.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]
