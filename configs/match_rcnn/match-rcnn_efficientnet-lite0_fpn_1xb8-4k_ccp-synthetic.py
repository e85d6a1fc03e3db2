# The model of 2,000 steps trained for 2,000 more, on photographs in which the
# rare groups (shorts, vests, skirts) come more often.
_base_ = [
    './_base_/model_lite0.py',
    './_base_/dataset_ccp_synthetic.py',
    './_base_/schedule_2k_adamw.py',
    './_base_/runtime.py',
]

# A photograph is repeated sqrt(0.5 / f) times, f being the share of
# photographs with its rarest item (LVIS, arXiv:1908.03195, section 4)
ccp_balanced = dict(
    type='ClassBalancedDataset',
    oversample_thr=0.5,
    dataset=_base_.ccp_train,
)
train_dataloader = dict(
    dataset=dict(
        # of 4 images 3 are CCP's
        datasets=[
            dict(type='RepeatDataset', times=14, dataset=ccp_balanced),
            _base_.synthetic_train,
            _base_.garments_train,
        ],
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.0004))
default_hooks = dict(
    checkpoint=dict(interval=200, by_epoch=False, max_keep_ckpts=2),
    logger=dict(interval=50),
)
log_processor = dict(by_epoch=False)
load_from = (
    'work_dirs/match-rcnn_efficientnet-lite0_fpn_1xb8-2k_ccp-synthetic/'
    'iter_2000.pth'
)
