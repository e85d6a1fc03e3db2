# Clips of 10 frames and their optical flow, 256 x 128 px, for iLIDS-VID,
# PRID2011 and MARS; see docs/datasets.md. A leaf config sets data_root.
size = (256, 128)  # (h, w)

train_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=size),
    dict(type='mmfashion_ext.FlipClip', prob=0.5),
    # as published, patches land at (w, h); paste='sampled' corrects it
    dict(type='mmfashion_ext.EraseFrames', prob=0.5, paste='reference'),
    dict(type='mmfashion_ext.PackClip'),
]
test_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=size),
    dict(type='mmfashion_ext.PackClip'),
]

# 16 pairs of clips, each of one person in both cameras
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
        # as published, no clip reaches the last frame; 'include' corrects it
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
