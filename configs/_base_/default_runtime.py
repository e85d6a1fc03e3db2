# What every system shares. The scope is set by each system's runtime.

default_hooks = dict(
    # time of each iteration and of loading its data
    timer=dict(type='IterTimerHook'),
    # print the log every 50 iterations
    logger=dict(type='LoggerHook', interval=50),
    # step the learning rate
    param_scheduler=dict(type='ParamSchedulerHook'),
    # save a checkpoint every epoch, keep the last three; docs/tools.md shows
    # how to keep the best one too (save_best='bbox/AP', rule='greater') and
    # to stop when nothing gets better (EarlyStoppingHook)
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3),
    # shuffle anew every epoch in distributed training
    sampler_seed=dict(type='DistSamplerSeedHook'),
)

env_cfg = dict(
    # True speeds up inputs of one fixed size
    cudnn_benchmark=False,
    # one OpenCV thread per data loading worker
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # on a machine without a GPU tools/train.py takes gloo by itself
    dist_cfg=dict(backend='nccl'),
)

log_level = 'INFO'
# weights to start from, and whether to go on with their optimizer and epoch
load_from = None
resume = False
