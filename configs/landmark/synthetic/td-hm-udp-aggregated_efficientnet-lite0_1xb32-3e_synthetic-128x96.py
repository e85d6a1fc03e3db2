# The published landmark model: ImageNet's features, 81 points that the
# categories share, synthetic clothes with the cloth of photographed ones
# (clothing-dataset-small, CC0, see docs/datasets.md). Eight CPU minutes of one
# thread:
#   python -m mmfashion_ext.synthetic deepfashion2 \
#       data/synthetic_deepfashion2_textures --num 4500 --val 500 --size 256 \
#       --textures data/garments
_base_ = [
    '../_base_/dataset_deepfashion2_synthetic.py',
    '../_base_/model_efficientnet-lite0.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(head=dict(points='aggregated', decoder=_base_.codec))

data_root = 'data/synthetic_deepfashion2_textures/'
train_pipeline = [
    dict(type='mmpose.LoadImage', color_type='color_ignore_orientation'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.RandomFlip', direction='horizontal'),
    dict(type='mmpose.RandomBBoxTransform', rotate_factor=30),
    dict(
        type='mmpose.TopdownAffine',
        input_size=_base_.input_size,
        use_udp=True,
    ),
    dict(type='mmpose.PhotometricDistortion'),
    dict(type='mmfashion_ext.SelectCategoryLandmarks'),
    dict(type='mmpose.GenerateTarget', encoder=_base_.codec),
    dict(type='mmpose.PackPoseInputs'),
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/validation.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=3, val_interval=3)
_base_.param_scheduler[1].end = 3
optim_wrapper = dict(
    # the backbone has seen ImageNet
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2)))
)
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
