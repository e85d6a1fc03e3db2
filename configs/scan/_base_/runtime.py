_base_ = '../../_base_/default_runtime.py'

default_scope = 'mmengine'

# gives the model's matcher to the metric, which compares clips with it
custom_hooks = [dict(type='mmfashion_ext.MatcherHook')]

visualizer = dict(
    type='Visualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        # dict(type='TensorboardVisBackend'),
    ],
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
