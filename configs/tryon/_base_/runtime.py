_base_ = '../../_base_/default_runtime.py'

default_scope = 'mmengine'

default_hooks = dict(
    # every 20 epochs and after the last one
    checkpoint=dict(interval=20),
    visualization=dict(type='mmfashion_ext.TryOnVisualizationHook'),
)
visualizer = dict(
    type='mmfashion_ext.TryOnVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        # dict(type='TensorboardVisBackend'),
    ],
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
# batch statistics of all GPUs, in the trained networks
sync_bn = 'torch'
