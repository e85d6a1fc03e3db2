# All five losses together, from the weights of the longer synthetic config;
# two processes x 4 pairs are the author's 8 pairs a batch:
#   OMP_NUM_THREADS=1 torchrun --nproc_per_node=2 tools/train.py \
#       match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160 \
#       --launcher pytorch
_base_ = [
    '../_base_/model_r18_small.py',
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

load_from = (
    'work_dirs/match-rcnn_r18-small_fpn_2xb8-7e_synthetic-160x160/epoch_7.pth'
)
load_from_partial = dict(new=['roi_head.match_head.'])

model = dict(
    roi_head=dict(
        match_head=dict(
            type='mmfashion_ext.MatchHead',
            in_channels=64,
            conv_channels=(64, 64, 64, 256),
            out_channels=64,
        )
    )
)

data_root = 'data/synthetic_deepfashion2_6k/'
ann_file = data_root + 'annotations/validation.json'
train_dataloader = dict(
    dataset=dict(data_root=data_root),
    sampler=dict(_delete_=True, type='mmfashion_ext.PairSampler'),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='mmfashion_ext.DeepFashion2Metric', ann_file=ann_file),
    dict(type='mmfashion_ext.RetrievalMetric', ann_file=ann_file),
]
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=0.0005))
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        begin=0,
        end=1,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
