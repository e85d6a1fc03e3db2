# The published small SCAN: more persons, and cameras that stand in 20 halls
# each, every one with a light of its own. In about 25 CPU minutes from
# random weights:
#   python -m mmfashion_ext.synthetic video-reid data/synthetic_ilids-vid_800 \
#       --num 800 --size 64 --frames 16 48 --cameras 20
#   python tools/dataset_converters/video_reid.py ilids-vid \
#       data/synthetic_ilids-vid_800/raw --out data/synthetic_ilids-vid_800 \
#       --flow dis
_base_ = [
    '../_base_/model_r10-small.py',
    '../_base_/dataset_synthetic_64x32.py',
    '../_base_/schedule_synthetic.py',
    '../_base_/runtime.py',
]

model = dict(oim_loss=dict(num_classes=400))

data_root = 'data/synthetic_ilids-vid_800/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=8, val_interval=4)
cosine = dict(
    type='CosineAnnealingLR', eta_min=0, T_max=8, convert_to_iter_based=True
)
param_scheduler = dict(
    cnn=dict(_delete_=True, **cosine), attention=dict(_delete_=True, **cosine)
)
