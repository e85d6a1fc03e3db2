# Within 45 minutes on 2 cores, one process on each:
#   python -m mmfashion_ext.synthetic deepfashion2 \
#       data/synthetic_deepfashion2_6k --num 6000 --val 1000 --size 256
#   OMP_NUM_THREADS=1 torchrun --nproc_per_node=2 tools/train.py \
#       match-rcnn_r18-small_fpn_2xb8-7e_synthetic-160x160 --launcher pytorch
_base_ = [
    '../_base_/model_r18_small.py',
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

data_root = 'data/synthetic_deepfashion2_6k/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/validation.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=7, val_interval=7)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        begin=0,
        end=7,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
