# Generated people whose image in the other garment is known, see
# docs/tryon.md. Test sets of the generator have it, so people to train on are
# a test set, too, of another seed:
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_truth \
#       --num 1 --test 900 --seed 1
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton_held \
#       --num 1 --test 100 --seed 2
size = (256, 192)

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=size),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    drop_last=True,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
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
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    drop_last=False,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmfashion_ext.TryOnDataset',
        data_root='data/synthetic_viton_held/',
        layout='viton',
        split='test',
        paired=False,
        annotations=['truth'],
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='mmfashion_ext.WarpMetric'),
    dict(type='mmfashion_ext.TryOnMetric'),
]
test_evaluator = val_evaluator
