_base_ = [
    '_base_/dataset_fld_udp_256x192.py',
    '_base_/model_hrnet-w32_fld.py',
    '_base_/schedule_210e.py',
    '_base_/runtime.py',
]

model = dict(
    head=dict(out_channels=4, decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

train_dataloader = dict(
    dataset=dict(subset='lower', ann_file='annotations/fld_lower_train.json')
)
val_dataloader = dict(
    dataset=dict(subset='lower', ann_file='annotations/fld_lower_val.json')
)
test_dataloader = dict(
    dataset=dict(subset='lower', ann_file='annotations/fld_lower_test.json')
)
