# The authors published numbers on MARS, but no loader of it.
_base_ = [
    '_base_/model_r50.py',
    '_base_/dataset_video-reid_256x128.py',
    '_base_/schedule_30e.py',
    '_base_/runtime.py',
]

data_root = 'data/mars/'
model = dict(oim_loss=dict(num_classes=625))

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader

# as the official evaluation; without it 140 queries have no match
val_evaluator = dict(query_in_gallery=True)
test_evaluator = val_evaluator
