# Fine-tuning (arXiv:2005.00419, section 3.2): 20 epochs at a tenth of the
# learning rate of the joint training.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=0.00005)
)
param_scheduler = [
    dict(
        type='MultiStepLR',
        milestones=[12, 17],
        gamma=0.1,
        by_epoch=True,
        begin=0,
        end=20,
    ),
]
# tools/train.py --auto-scale-lr: of 8 GPUs with 64 items each
auto_scale_lr = dict(base_batch_size=512)
