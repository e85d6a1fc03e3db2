# Synthetic VITON of 128 x 96 pixels, see docs/synthetic.md:
#   python -m mmfashion_ext.synthetic viton data/synthetic_viton --num 600 \
#       --size 128
# Tests are paired: each person in the worn garment, whose true flow is known.
_base_ = 'dataset_tutor.py'

data_root = 'data/synthetic_viton/'

train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root)
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        annotations=['parse', 'pose', 'densepose', 'flow'],
    ),
)
test_dataloader = val_dataloader
