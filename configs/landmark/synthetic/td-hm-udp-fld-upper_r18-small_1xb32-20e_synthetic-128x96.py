# FLD's upper clothes with mmpose's own head: six landmarks.
_base_ = [
    '../_base_/dataset_fld_synthetic.py',
    '../_base_/model_small.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose.HeatmapHead',
        in_channels=128,
        out_channels=6,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='mmpose.KeypointMSELoss', use_target_weight=True),
        decoder=_base_.codec,
    )
)

train_dataloader = dict(
    dataset=dict(subset='upper', ann_file='annotations/fld_upper_train.json')
)
val_dataloader = dict(
    dataset=dict(subset='upper', ann_file='annotations/fld_upper_val.json')
)
test_dataloader = dict(
    dataset=dict(subset='upper', ann_file='annotations/fld_upper_test.json')
)

# a third of the images show upper clothes: as many steps as of 7 epochs
train_cfg = dict(max_epochs=20, val_interval=20)
_base_.param_scheduler[1].end = 20
