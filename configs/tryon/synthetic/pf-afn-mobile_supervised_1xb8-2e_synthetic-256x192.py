# Mobile student at 256 x 192 px, from the one that was trained at half the
# size.
_base_ = 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96.py'

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
load_from = (
    'work_dirs/pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96/iter_450.pth'
)
