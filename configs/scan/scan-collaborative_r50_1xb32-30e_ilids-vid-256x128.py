# Ablation of the paper: collaborative attention only (SCANMatcher.pooling).
_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_video-reid_256x128.py',
    '_base_/schedule_30e.py',
    '_base_/runtime.py',
]

data_root = 'data/ilids-vid/'
model = dict(
    oim_loss=dict(num_classes=150), matcher=dict(pooling='collaborative')
)

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
