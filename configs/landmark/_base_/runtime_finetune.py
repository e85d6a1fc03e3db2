# runtime.py for 20 epochs of fine-tuning, which start from the joint model.
_base_ = '../../_base_/default_runtime.py'

default_scope = 'mmpose'
load_from = (
    'work_dirs/td-hm-udp-aggregated_hrnet-w48_8xb64-210e_deepfashion2-384x288/'
    'epoch_210.pth'
)

default_hooks = dict(
    checkpoint=dict(interval=5),
    visualization=dict(
        type='mmfashion_ext.LandmarkVisualizationHook', enable=False
    ),
)
visualizer = dict(
    type='mmpose.PoseLocalVisualizer',
    name='visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    radius=2,
    line_width=1,
)
