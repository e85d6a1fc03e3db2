# Boxes, masks, landmarks and retrieval together; 8 GPUs x 1 image pair.
_base_ = [
    '_base_/model_r50_match.py',
    '_base_/dataset_deepfashion2_pairs.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]

model = dict(roi_head=dict(match_head=dict(feature='pose')))
