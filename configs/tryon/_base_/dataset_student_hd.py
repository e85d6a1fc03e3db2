# VITON-HD for the student, see docs/datasets.md: 1024 x 768 px, resized
# to 512 x 384. To train at full size remove ResizeTryOn, set radius=20.
_base_ = 'dataset_student.py'

data_root = 'data/viton-hd/'

train_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=(512, 384)),
    dict(type='mmfashion_ext.DrawPose', radius=10),
    dict(type='mmfashion_ext.PackTryOn'),
]
test_pipeline = [
    dict(type='mmfashion_ext.LoadTryOn'),
    dict(type='mmfashion_ext.ResizeTryOn', size=(512, 384)),
    dict(type='mmfashion_ext.PackTryOn'),
]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root, layout='viton-hd', pipeline=train_pipeline
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root, layout='viton-hd', pipeline=test_pipeline
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root, layout='viton-hd', pipeline=test_pipeline
    )
)
