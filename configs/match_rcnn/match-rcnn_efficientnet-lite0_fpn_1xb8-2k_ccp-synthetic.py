# Boxes, masks, landmarks and categories of clothes on street photographs, on
# a CPU. Trained on Clothing Co-Parsing, CC0 garments and synthetic
# DeepFashion2 together; two cores are enough:
#   OMP_NUM_THREADS=1 python tools/train.py \
#       match-rcnn_efficientnet-lite0_fpn_1xb8-2k_ccp-synthetic
_base_ = [
    './_base_/model_lite0.py',
    './_base_/dataset_ccp_synthetic.py',
    './_base_/schedule_2k_adamw.py',
    './_base_/runtime.py',
]

default_hooks = dict(
    checkpoint=dict(interval=200, by_epoch=False, max_keep_ckpts=2),
    logger=dict(interval=50),
)
log_processor = dict(by_epoch=False)
