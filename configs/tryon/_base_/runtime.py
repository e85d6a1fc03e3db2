_base_ = '../../_base_/default_runtime.py'

default_scope = 'mmengine'

default_hooks = dict(
    # and after the last epoch
    checkpoint=dict(interval=20),
    visualization=dict(type='mmfashion_ext.TryOnVisualizationHook'),
)
visualizer = dict(
    type='mmfashion_ext.TryOnVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
# batch statistics over all GPUs, for what is trained
sync_bn = 'torch'
