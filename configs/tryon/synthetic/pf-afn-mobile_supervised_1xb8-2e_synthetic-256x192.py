# Mobile student on generated people of 256 x 192 px, from the one that was
# trained at half the size:
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_truth \
#       --num 1 --test 900 --seed 1
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_held \
#       --num 1 --test 60 --seed 2
_base_ = [
    '../_base_/model_student_mobile_supervised.py',
    '../_base_/dataset_truth_synthetic.py',
    '../_base_/schedule_supervised_2e.py',
    '../_base_/runtime.py',
]

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=(256, 192)),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = train_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1e-3))
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=20),
    logger=dict(interval=10),
)
load_from = (
    'work_dirs/pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96/iter_450.pth'
)
