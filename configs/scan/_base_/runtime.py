_base_ = '../../_base_/default_runtime.py'

default_scope = 'mmengine'

# the metric compares clips with the model's matcher
custom_hooks = [dict(type='mmfashion_ext.MatcherHook')]

log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
