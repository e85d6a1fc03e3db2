# Pairs made of photographs of people and of garments, two for each generated
# person:
#   python -m mmfashion_ext.synthetic tryon-photos --people CCP \
#       --garments DIR data/tryon_photos
# Tests are pairs of people and garments that were not trained on.
_base_ = 'dataset_truth_synthetic.py'

size = (256, 192)
photo_pipeline = [dict(type='mmfashion_ext.PackTryOn')]
train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=size),
    dict(type='mmfashion_ext.AddTruthMaps'),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = [
    dict(type='mmfashion_ext.ResizeTryOn', size=size),
    dict(type='mmfashion_ext.PackTryOn'),
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['dataset', 'split', 'paired'],
        datasets=[
            dict(
                type='RepeatDataset',
                times=2,
                dataset=dict(
                    type='mmfashion_ext.TryOnPhotoPairs',
                    data_root='data/tryon_photos/',
                    split='train',
                    size=size,
                    pipeline=photo_pipeline,
                ),
            ),
            dict(
                type='mmfashion_ext.TryOnDataset',
                data_root='data/synthetic_viton_truth/',
                layout='viton',
                split='test',
                paired=False,
                annotations=['truth'],
                reverse=True,
                test_mode=False,
                pipeline=train_pipeline,
            ),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmfashion_ext.TryOnPhotoPairs',
        data_root='data/tryon_photos/',
        split='validation',
        size=size,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
