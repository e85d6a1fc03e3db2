# Match network and embedding learn side by side, on the same RoI features of
# the detector of the short synthetic config. The embedding finds garments, the
# match network orders the best 50 anew.
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
    new=['roi_head.match_head.', 'roi_head.embedding_head.'],
    unused=['roi_head.mask_head.', 'roi_head.landmark_head.'],
)

model = dict(
    type='mmfashion_ext.FrozenMaskRCNN',
    trained=['match', 'embedding'],
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
        heads=dict(
            embedding=dict(
                type='mmfashion_ext.EmbeddingHead',
                field='embedding',
                in_channels=64,
                conv_channels=(64, 64, 64, 256),
                out_channels=64,
                # at least the garments of the training set
                num_identities=8000,
            )
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
    field='embedding',
    rerank_field='match',
    rerank_k=50,
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
