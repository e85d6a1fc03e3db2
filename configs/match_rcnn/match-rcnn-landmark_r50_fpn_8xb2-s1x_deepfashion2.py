# The paper's landmark schedule, Detectron's s1x: 130k instead of 90k steps,
# lr drops at 100k and 120k, here 1.44 x 12 epochs.
_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_deepfashion2.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]

model = dict(
    roi_head=dict(
        mask_head=None,
        mask_roi_extractor=None,
        landmark_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
        ),
    )
)

train_cfg = dict(max_epochs=17)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500
    ),
    dict(
        type='MultiStepLR',
        begin=0,
        end=17,
        by_epoch=True,
        milestones=[13, 16],
        gamma=0.1,
    ),
]

val_evaluator = dict(tasks=('bbox', 'keypoints'))
test_evaluator = val_evaluator
