# The paper's detection and segmentation schedule: boxes and masks, 24 epochs.
_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_deepfashion2.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]

model = dict(roi_head=dict(landmark_head=None))

train_cfg = dict(max_epochs=24)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500
    ),
    dict(
        type='MultiStepLR',
        begin=0,
        end=24,
        by_epoch=True,
        milestones=[16, 22],
        gamma=0.1,
    ),
]

val_evaluator = dict(tasks=('bbox', 'segm'))
test_evaluator = val_evaluator
