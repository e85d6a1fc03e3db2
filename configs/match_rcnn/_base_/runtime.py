_base_ = '../../_base_/default_runtime.py'

# mmdet's, so that mmdet's own tools run these configs; what is ours carries
# the prefix mmfashion_ext.
default_scope = 'mmdet'

default_hooks = dict(
    # tools/test.py --show-dir turns it on
    visualization=dict(type='mmfashion_ext.ClothesVisualizationHook'),
)

visualizer = dict(
    type='mmfashion_ext.ClothesVisualizer',
    name='visualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        # dict(type='TensorboardVisBackend'),
        # dict(type='WandbVisBackend'),
    ],
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
