# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Each system needs its own host only, and no host before it is used.

What is imported is a property of a process, so these tests start new ones;
cases share a process where they can, since importing a host takes seconds.
"""

import textwrap

import pytest

from mmfashion_ext import plugins

HEAVY = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpretrain', 'cv2')

mmdet_only = pytest.mark.skipif(
    'match_rcnn' not in plugins.installed_systems(), reason='needs mmdet'
)


@pytest.fixture
def run_code(run_python):
    """Run code in a new process; what it printed."""
    return lambda code, *path: (
        run_python('-c', textwrap.dedent(code), path=path).stdout
    )


def test_importing_imports_no_host(run_code):
    run_code(f"""
        import sys
        sys.modules['mmpose'] = None
        def loaded():
            return [m for m in {HEAVY} if sys.modules.get(m)]

        import mmfashion_ext
        assert not loaded(), loaded()
        import mmfashion_ext.match_rcnn as system
        assert 'MatchRoIHead' in dir(system)
        import mmfashion_ext.landmark as system
        assert 'LandmarkMetric' in dir(system)
        import mmfashion_ext.scan as system
        assert 'SCANRecognizer' in dir(system)
        import mmfashion_ext.tryon as system
        assert 'ParserFreeTryOn' in dir(system)
        assert not loaded(), loaded()
        import mmfashion_ext.hub
        assert mmfashion_ext.list_models()
        assert not {{*loaded()}} - {{'mmengine'}}, loaded()
    """)


@mmdet_only
def test_missing_broken_old_and_new_mmdet(run_code, tmp_path):
    for name, source in {
        'broken/mmdet': "raise OSError('libcudart.so: cannot open')",
        'old/mmdet': "__version__ = '2.28.2'",
        'new/mmdet': "__version__ = '99.0.0'",
        'mmcv': "__version__ = '2.1.0'",  # the real one would import torch
    }.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / '__init__.py').write_text(source)
    printed = run_code(
        f"""
        import sys, warnings
        import mmfashion_ext
        from mmfashion_ext import match_rcnn, plugins

        def attempt(use):
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter('always')
                    use()
                ours = [str(w.message) for w in caught]
                print(*[w for w in ours if 'mmfashion_ext' in w])
            except ImportError as error:
                print('ImportError', error)
            sys.modules.pop('mmdet', None)

        name = mmfashion_ext.list_models('match-rcnn*')[0]
        sys.modules['mmdet'] = None
        attempt(lambda: match_rcnn.MatchRoIHead)
        sys.modules['mmdet'] = None
        attempt(lambda: mmfashion_ext.get_model(name))
        for fake in ('broken', 'old', 'new'):
            sys.path.insert(0, {str(tmp_path)!r} + '/' + fake)
            attempt(lambda: plugins.require('match_rcnn'))
        assert 'torch' not in sys.modules
    """,
        tmp_path,
    )
    missing, built, broken, old, new = printed.splitlines()
    assert missing == built
    assert missing.startswith('ImportError mmfashion_ext.match_rcnn needs mm')
    remedy = plugins.install_command('match_rcnn', {'mmdet'})
    assert missing.endswith(f'not installed. Run: {remedy}')
    assert 'fails to import (libcudart.so: cannot open)' in broken
    assert 'ImportError' in old
    assert 'got 2.28.2' in old
    assert new.startswith('mmdet 99.0.0 is newer than')


PLAIN_MMDET_CONFIG = """
default_scope = 'mmdet'
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'
model = dict(
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        type='mmfashion_ext.MatchRoIHead',
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(num_classes=13, in_channels=16, fc_out_channels=16),
        mask_roi_extractor=dict(out_channels=16),
        mask_head=dict(num_classes=13, in_channels=16, conv_out_channels=8),
        landmark_head=dict(
            type='mmfashion_ext.LandmarkHead',
            num_convs=1, in_channels=16, conv_channels=8)))
dataset = dict(
    type='mmfashion_ext.DeepFashion2Dataset',
    lazy_init=True,
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='mmfashion_ext.LoadClothes'),
        dict(type='Resize', scale=(64, 64)),
        dict(type='mmfashion_ext.PackClothes')])
evaluator = dict(type='mmfashion_ext.DeepFashion2Metric', ann_file='GT_FILE')
visualizer = dict(type='mmfashion_ext.ClothesVisualizer', name='v')
"""


@mmdet_only
def test_plain_mmdet_config_needs_no_custom_imports_and_no_other_host(
    run_code, tmp_path
):
    path = tmp_path / 'plain.py'
    (tmp_path / 'gt.json').write_text('{}')
    ann_file = str(tmp_path / 'gt.json')
    path.write_text(PLAIN_MMDET_CONFIG.replace('GT_FILE', ann_file))
    run_code(f"""
        import sys
        sys.modules['mmpose'] = sys.modules['mmpretrain'] = None
        from mmengine.config import Config
        cfg = Config.fromfile({str(path)!r})
        from mmdet.registry import DATASETS, METRICS, MODELS, VISUALIZERS
        from mmengine.registry import init_default_scope
        init_default_scope(cfg.default_scope)
        model = MODELS.build(cfg.model)
        assert type(model).__module__.startswith('mmdet.')
        assert type(model.roi_head).__name__ == 'MatchRoIHead'
        dataset = DATASETS.build(cfg.dataset)
        kinds = [type(t).__module__.split('.')[0]
                 for t in dataset.pipeline.transforms]
        assert kinds == ['mmcv', 'mmfashion_ext', 'mmdet', 'mmfashion_ext']
        METRICS.build(cfg.evaluator)
        VISUALIZERS.build(cfg.visualizer)

        from mmfashion_ext import match_rcnn
        for name in match_rcnn.__all__:
            assert getattr(match_rcnn, name).__name__ == name
        assert sys.modules['mmpose'] is sys.modules['mmpretrain'] is None
    """)


PLAIN_MMPOSE_CONFIG = """
default_scope = 'mmpose'
codec = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16))
model = dict(
    type='TopdownPoseEstimator',
    backbone=dict(type='ResNet', depth=18, base_channels=8),
    head=dict(
        type='mmfashion_ext.CategoryHeatmapHead',
        in_channels=64,
        deconv_out_channels=(8, 8, 8),
        decoder=codec))
dataset = dict(
    type='mmfashion_ext.DeepFashion2LandmarkDataset',
    lazy_init=True,
    pipeline=[
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=(48, 64), use_udp=True),
        dict(type='mmfashion_ext.SelectCategoryLandmarks'),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs')])
evaluator = dict(type='mmfashion_ext.LandmarkMetric')
"""


@pytest.mark.skipif(
    'landmark' not in plugins.installed_systems(), reason='needs mmpose'
)
def test_plain_mmpose_config_needs_no_custom_imports_and_no_other_host(
    run_code, tmp_path
):
    path = tmp_path / 'plain.py'
    path.write_text(PLAIN_MMPOSE_CONFIG)
    run_code(f"""
        import sys
        sys.modules['mmpretrain'] = None
        from mmengine.config import Config
        cfg = Config.fromfile({str(path)!r})
        from mmpose.registry import DATASETS, METRICS, MODELS
        from mmengine.registry import init_default_scope
        init_default_scope(cfg.default_scope)
        model = MODELS.build(cfg.model)
        assert type(model).__module__.startswith('mmpose.')
        assert type(model.head).__name__ == 'CategoryHeatmapHead'
        dataset = DATASETS.build(cfg.dataset)
        kinds = [type(t).__module__.split('.')[0]
                 for t in dataset.pipeline.transforms]
        assert kinds == 3 * ['mmpose'] + ['mmfashion_ext'] + 2 * ['mmpose']
        METRICS.build(cfg.evaluator)

        from mmfashion_ext import landmark
        for name in landmark.__all__:
            assert getattr(landmark, name).__name__ == name
        assert sys.modules['mmpretrain'] is None
    """)


@mmdet_only
def test_registries_are_few_and_none_is_empty():
    from mmengine.registry import Registry

    from mmfashion_ext import registry

    for system in plugins.installed_systems():
        for name in plugins.exports(system):
            plugins.import_type(name)
    nodes = {
        name: node
        for name, node in vars(registry).items()
        if isinstance(node, Registry) and not name.startswith('MMENGINE_')
    }
    assert 0 < len(nodes) <= 8
    for name, node in nodes.items():
        assert node.scope == 'mmfashion_ext'
        assert node.module_dict, f'{name} holds nothing'


def test_a_lookup_imports_the_hosts_of_its_system_only(run_code):
    run_code("""
        import sys
        from mmengine.registry import MODELS

        assert MODELS.get('mmfashion_ext.AppearanceFlowWarp')
        assert MODELS.get('mmfashion_ext.NoSuchThing') is None
        assert not {'mmcv', 'mmdet', 'mmpose'} & set(sys.modules)
    """)


@mmdet_only
def test_every_registered_class_is_exported_and_so_found():
    """A registry knows a class by the public names of its system."""
    from mmengine.registry import Registry

    from mmfashion_ext import registry

    home = {
        name: system
        for system in plugins.installed_systems()
        for name in plugins.exports(system)
    }
    for name in home:
        plugins.import_type(name)
    for node in vars(registry).values():
        if isinstance(node, Registry) and node.scope == 'mmfashion_ext':
            for name, kind in node.module_dict.items():
                assert f'mmfashion_ext.{home[name]}.' in kind.__module__


@pytest.mark.parametrize('system', plugins.SYSTEMS)
def test_a_system_needs_its_own_hosts_alone(run_code, system):
    """All of its public classes import with every other host missing."""
    if system not in plugins.installed_systems():
        pytest.skip('its host is not installed')
    hosts = {host for hosts in plugins.SYSTEMS.values() for host in hosts}
    foreign = {host.package for host in hosts - {*plugins.SYSTEMS[system]}}
    foreign |= {'mmpretrain'}
    run_code(f"""
        import sys
        for name in {sorted(foreign)}:
            sys.modules[name] = None
        import mmfashion_ext.{system} as system
        for name in system.__all__:
            assert getattr(system, name).__name__ == name
        for name in {sorted(foreign)}:
            assert sys.modules[name] is None
    """)
