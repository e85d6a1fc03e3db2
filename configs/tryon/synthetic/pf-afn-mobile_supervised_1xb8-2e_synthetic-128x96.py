# Mobile student on generated people of 128 x 96 px, without a tutor.
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_truth \
#       --num 1 --test 900 --seed 1 --size 128
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_held \
#       --num 1 --test 60 --seed 2 --size 128
_base_ = [
    '../_base_/model_student_mobile_supervised.py',
    '../_base_/dataset_truth_synthetic.py',
    '../_base_/schedule_supervised_2e.py',
    '../_base_/runtime.py',
]

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=(128, 96)),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = train_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=20),
    logger=dict(interval=10),
)
