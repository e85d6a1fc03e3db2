# DeepFashion / FLD, see docs/datasets.md; a leaf config names the clothes
# (upper, lower, full) and with them the number of landmarks.
data_root = 'data/fld/'
# mmpose's inferencer reads these two
dataset_type = 'mmfashion_ext.FLDDataset'
data_mode = 'topdown'

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        data_prefix=dict(img='Img/'),
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        data_prefix=dict(img='Img/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# normalised error, percentage of detected landmarks (FLD's protocol), PCK
val_evaluator = dict(type='mmfashion_ext.LandmarkMetric', by_visibility=True)
test_evaluator = val_evaluator
