# Only the match network learns, in a minute or two on 2 cores, on the
# detector of the short synthetic config: what `make train-demo` runs after it.
_base_ = [
    '../_base_/model_r18_small.py',
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

load_from = (
    'work_dirs/match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160/epoch_3.pth'
)
load_from_partial = dict(
    new=['roi_head.match_head.'],
    unused=['roi_head.mask_head.', 'roi_head.landmark_head.'],
)

model = dict(
    type='mmfashion_ext.FrozenMaskRCNN',
    roi_head=dict(
        # neither is needed to find and to compare clothes
        mask_head=None,
        landmark_head=None,
        match_head=dict(
            type='mmfashion_ext.MatchHead',
            in_channels=64,
            conv_channels=(64, 64, 64, 256),
            out_channels=64,
        ),
    ),
)

train_dataloader = dict(
    batch_size=16,
    sampler=dict(_delete_=True, type='mmfashion_ext.PairSampler'),
)
val_evaluator = dict(
    _delete_=True,
    type='mmfashion_ext.RetrievalMetric',
    ann_file='data/synthetic_deepfashion2/annotations/validation.json',
)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        begin=0,
        end=2,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
