# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Configs of the demo that fine-tune a published model on other data."""

from pathlib import Path

from .models import Model

#: Name of a system -> lines of its config. The published Match R-CNN and the
#: try-on learned from several datasets; here they get one.
_LINES = {
    'match_rcnn': """
model = dict(backbone=dict(init_cfg=None))
dataset = dict(
    type='mmfashion_ext.DeepFashion2Dataset',
    data_root=data_root,
)
loader = dict(_delete_=True, batch_size=4, num_workers=0)
train_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/image/'),
        pipeline=_base_.train_pipeline,
    ),
)
test_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        ann_file='annotations/validation.json',
        data_prefix=dict(img='validation/image/'),
        pipeline=_base_.test_pipeline,
        test_mode=True,
    ),
)
test_evaluator = dict(
    _delete_=True,
    type='mmfashion_ext.DeepFashion2Metric',
    ann_file=data_root + 'annotations/validation.json',
)
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=1)
log_processor = dict(by_epoch=True)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = []
""",
    'landmark': """
model = dict(backbone=dict(init_cfg=None))
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_evaluator = dict(ann_file=data_root + 'annotations/validation.json')
train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = []
""",
    'scan': """
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
train_cfg = dict(max_epochs=1)
param_scheduler = None
optim_wrapper = dict(optimizer=dict(lr=0.003))
""",
    'tryon': """
dataset = dict(
    _delete_=True,
    type='mmfashion_ext.TryOnDataset',
    layout='viton',
    split='test',
    paired=False,
    annotations=['truth'],
    pipeline=[
        dict(type='mmfashion_ext.LoadTryOn'),
        dict(type='mmfashion_ext.ResizeTryOn', size=(256, 192)),
        dict(type='mmfashion_ext.PackTryOn'),
    ],
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset, data_root=data_root + 'train', reverse=True, test_mode=False
    ),
)
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(**dataset, data_root=data_root + 'test'),
)
train_cfg = dict(max_epochs=1)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = []
""",
}


def finetuning_config(task: str, model: Model, data: Path) -> str:
    """Return a config that fine-tunes a model on other data.

    Args:
        task (str): Name of the system.
        model (Model): What it starts from.
        data (Path): Root of the dataset, in the layout of the model's own.

    Returns:
        str: The config's text; it has no validation while it trains.
    """
    start = f"load_from = '{model.weights}'\n" if model.weights else ''
    return (
        '# Fine-tuning on other data: the model, its weights, the data\n'
        "_base_ = __import__('mmfashion_ext').config_path(\n"
        f"    '{model.name}'\n)\n"
        f"{start}data_root = '{data}/'\n"
        f'{_LINES[task].strip()}\n'
        'val_dataloader = val_evaluator = val_cfg = None\n'
        'default_hooks = dict(\n'
        '    logger=dict(interval=1),\n'
        '    checkpoint=dict(by_epoch=True, interval=1),\n'
        ')\n'
    )
