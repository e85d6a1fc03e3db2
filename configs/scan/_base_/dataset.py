# Clips of 10 frames and their optical flow, see docs/datasets.md. A leaf
# config names the data set.
size = (256, 128)  # (h, w)

train_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=size),
    dict(type='mmfashion_ext.FlipClip', prob=0.5),
    # as published, patches land at (w, h); paste='sampled' is what was meant
    dict(type='mmfashion_ext.EraseFrames', prob=0.5, paste='reference'),
    dict(type='mmfashion_ext.PackClip'),
]
test_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=size),
    dict(type='mmfashion_ext.PackClip'),
]

# 16 pairs of clips of a person in both cameras
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmfashion_ext.CrossCameraPairSampler'),
    dataset=dict(
        type='mmfashion_ext.VideoReIDDataset',
        split=0,
        role='train',
        clip_length=10,
        stride=5,
        # as published, no clip reaches the last frame; 'include' mends it
        last='reference',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='mmfashion_ext.VideoReIDDataset',
        split=0,
        role='test',
        clip_length=10,
        stride=5,
        last='reference',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmfashion_ext.VideoReIDMetric')
test_evaluator = val_evaluator
