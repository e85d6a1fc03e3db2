_base_ = '../../_base_/default_runtime.py'

# mmpose's, so that mmpose's own tools run these configs; what is ours carries
# the prefix mmfashion_ext.
default_scope = 'mmpose'

default_hooks = dict(
    checkpoint=dict(interval=10),
    # tools/test.py --show-dir turns it on
    visualization=dict(
        type='mmfashion_ext.LandmarkVisualizationHook', enable=False
    ),
)

visualizer = dict(
    type='mmpose.PoseLocalVisualizer',
    name='visualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        # dict(type='TensorboardVisBackend'),
        # dict(type='WandbVisBackend'),
    ],
    # landmarks are many and close: thin lines, small dots
    radius=2,
    line_width=1,
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
