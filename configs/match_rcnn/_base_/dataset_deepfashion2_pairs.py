# DeepFashion2 in pairs of a user's and a shop's image of one garment.
_base_ = 'dataset_deepfashion2.py'

# Pairs of the other processes are the negatives: 8 processes x 2 images are
# the author's 8 pairs, 512 similar and 3584 different pairs of RoIs.
train_dataloader = dict(
    sampler=dict(_delete_=True, type='mmfashion_ext.PairSampler'),
    batch_sampler=None,
)

val_evaluator = [
    _base_.val_evaluator,
    dict(
        type='mmfashion_ext.RetrievalMetric',
        ann_file=_base_.val_evaluator.ann_file,
    ),
]
test_evaluator = val_evaluator
