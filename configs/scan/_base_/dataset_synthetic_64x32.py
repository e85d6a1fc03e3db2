# Synthetic iLIDS-VID of 64 x 32 pixels, see docs/synthetic.md:
#   python -m mmfashion_ext.synthetic video-reid data/synthetic_ilids-vid \
#       --num 120 --size 64 --frames 16 48
#   python tools/dataset_converters/video_reid.py ilids-vid \
#       data/synthetic_ilids-vid/raw --out data/synthetic_ilids-vid --flow dis
_base_ = 'dataset_video-reid_256x128.py'

data_root = 'data/synthetic_ilids-vid/'

train_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=(64, 32)),
    dict(type='mmfashion_ext.FlipClip', prob=0.5),
    dict(type='mmfashion_ext.EraseFrames', prob=0.5, paste='sampled'),
    dict(type='mmfashion_ext.PackClip'),
]
test_pipeline = [
    dict(type='mmfashion_ext.LoadClip'),
    dict(type='mmfashion_ext.ResizeClip', size=(64, 32)),
    dict(type='mmfashion_ext.PackClip'),
]

train_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, last='include', pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        last='include',
        # what the inferencer computes flow as, see --flow and --size above
        metainfo=dict(flow_method='dis', frame_size=(64, 32)),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
