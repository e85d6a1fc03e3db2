# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What every config promises: it loads, says what it does, and builds."""

import ast
import functools
import importlib
import re
from pathlib import Path
from unittest import mock

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')
pytest.importorskip('mmpretrain')
import mmcv.ops
from mmengine.config import Config
from mmengine.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS,
    TRANSFORMS,
    DefaultScope,
    Registry,
)
from mmengine.utils import import_modules_from_strings

from mmfashion_ext import hub
from mmfashion_ext.plugins import SYSTEMS
from mmfashion_ext.utils.weights import Partial, compare_weights

ROOT = hub.root()
LEAVES = hub.leaf_configs()
FILES = sorted((ROOT / 'configs').rglob('*.py'))
SPLITS = ('train', 'val', 'test')
DEFAULT_CONSTRUCTOR = 'DefaultOptimWrapperConstructor'

#: {algorithm}_{modules}_{training}_{data}: parts joined by _, words by -.
WORDS = r'[a-z0-9]+(-[a-z0-9]+)*'
TRAINING = r'(\d+xb\d+-)?(s?\d+x|\d+e|\d+k)'
SETS = (
    r'(deepfashion2|fld-(upper|lower|full)|ilids-vid|prid2011|mars|ccp-synthetic|viton(-hd)?|'
    r'synthetic)'
)
DATA = SETS + r'(-\d+x\d+)?'
NAME = re.compile(rf'{WORDS}(_{WORDS})+_{TRAINING}_{DATA}')

#: The top-level variables that a runner, or a tool of ours, reads.
RUNNER_KEYS = {
    *(f'{split}_{key}' for split in SPLITS for key in ('cfg', 'dataloader')),
    *('val_evaluator', 'test_evaluator', 'tta_model', 'tta_pipeline'),
    *('model', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr'),
    *('default_scope', 'default_hooks', 'custom_hooks', 'custom_imports'),
    *('visualizer', 'log_processor', 'log_level', 'env_cfg', 'randomness'),
    *('load_from', 'load_from_partial', 'resume', 'work_dir', 'runner_type'),
    *('_base_', 'sync_bn'),
    # mmpose's inferencer
    *('dataset_type', 'data_mode'),
}

each_leaf = pytest.mark.parametrize('path', LEAVES, ids=lambda p: p.stem)
each_file = pytest.mark.parametrize(
    'path', FILES, ids=lambda p: str(p.relative_to(ROOT / 'configs'))
)


@functools.cache
def load(path):
    """A config without its custom imports; not to be changed."""
    return Config.fromfile(path, import_custom_modules=False)


def host_scope(path):
    """The scope of the host of the system that a config belongs to."""
    system = path.relative_to(ROOT / 'configs').parts[0]
    return SYSTEMS[system][-1].package


def walk(node, key=None):
    """Every (key, value) in a config, lists entered."""
    yield key, node
    if isinstance(node, dict):
        for k, value in node.items():
            yield from walk(value, k)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from walk(value)


def pipelines_inside(node):
    return [v for k, v in walk(node) if k == 'pipeline']


def types_in(node):
    types = {
        value['type']
        for _, value in walk(node)
        if isinstance(value, dict) and isinstance(value.get('type'), str)
    }
    return sorted(types)


@functools.cache
def found_in(package, name):
    """Whether a registry of a package, or of its parents, has a type."""
    module = importlib.import_module(f'{package}.registry')
    registries = [v for v in vars(module).values() if isinstance(v, Registry)]
    return any(registry.get(name) is not None for registry in registries)


def depth_in_repo(path):
    """Hops from a config to its farthest base; host configs count as 0."""
    bases = Config._get_base_files(str(path))
    inside = [path.parent / base for base in bases if '::' not in base]
    return max(
        (1 + depth_in_repo(base.resolve()) for base in inside), default=0
    )


@each_leaf
def test_name_follows_the_grammar(path):
    assert NAME.fullmatch(path.stem), NAME.pattern


def test_names_are_unique():
    stems = [path.stem for path in LEAVES]
    assert len(stems) == len(set(stems)) > 0


@each_leaf
def test_bases_are_few_hops_away(path):
    assert depth_in_repo(path) <= 2


@each_leaf
def test_default_scope_is_the_hosts(path):
    assert load(path).default_scope == host_scope(path)


@each_leaf
def test_no_pipeline_is_dead(path):
    cfg = load(path)
    for split in SPLITS:
        pipeline = cfg.get(f'{split}_pipeline')
        if pipeline is not None:
            used = pipelines_inside(cfg[f'{split}_dataloader'])
            assert pipeline in used, f'{split}_pipeline is used nowhere'
    assert ('tta_pipeline' in cfg) == ('tta_model' in cfg)


@each_leaf
def test_evaluators_read_what_the_dataloaders_load(path):
    cfg = load(path)
    for split in ('val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        loaded = {v for k, v in walk(dataset) if k == 'ann_file'}
        roots = {v for k, v in walk(dataset) if k == 'data_root'}
        full = {str(Path(root, file)) for root in roots for file in loaded}
        evaluators = cfg[f'{split}_evaluator']
        for key, value in walk(evaluators):
            if key == 'ann_file':
                assert str(Path(value)) in full, split


@each_file
def test_no_helper_variable_is_unused(path):
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    written = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    unused = written - read - RUNNER_KEYS
    assert not unused, f'{path.name} sets {unused}, which nothing reads'


@each_leaf
def test_types_resolve_and_ours_carry_the_prefix(path):
    types = types_in(load(path).to_dict())
    ours = [name for name in types if name.startswith('mmfashion_ext.')]
    assert ours
    for name in ours:
        assert found_in('mmfashion_ext', name), name
    system = SYSTEMS[path.relative_to(ROOT / 'configs').parts[0]]
    with DefaultScope.overwrite_default_scope(host_scope(path)):
        for name in set(types) - set(ours):
            # mmdet takes RoI layers and NMS from mmcv.ops by name
            found = found_in(system[-1].package, name)
            assert found or hasattr(mmcv.ops, name), name


@each_leaf
def test_constructors_of_optimizers_resolve(path):
    """As a runner looks for them, after the config's own imports."""
    cfg = load(path)
    name = cfg.optim_wrapper.get('constructor', DEFAULT_CONSTRUCTOR)
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    with (
        DefaultScope.overwrite_default_scope(cfg.default_scope),
        OPTIM_WRAPPER_CONSTRUCTORS.switch_scope_and_registry(None) as found,
    ):
        assert found.get(name) is not None, name


@each_leaf
def test_pipelines_build(path):
    cfg = load(path)
    pipelines = [
        pipeline
        for split in SPLITS
        for pipeline in pipelines_inside(cfg[f'{split}_dataloader'])
    ]
    assert len(pipelines) >= len(SPLITS)
    if 'tta_pipeline' in cfg:
        pipelines.append(cfg.tta_pipeline)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for pipeline in pipelines:
            for transform in pipeline:
                assert callable(TRANSFORMS.build(transform))


@each_leaf
def test_unbiased_heatmaps_go_with_unbiased_warps(path):
    """UDP in the codec, or in the warp, alone is not UDP."""
    nodes = [node for _, node in walk(load(path).to_dict())]
    nodes = [n for n in nodes if isinstance(n, dict) and 'type' in n]
    warps = [n for n in nodes if n['type'] == 'mmpose.TopdownAffine']
    udp = any(n['type'] == 'mmpose.UDPHeatmap' for n in nodes)
    assert {n.get('use_udp', False) for n in warps} <= {udp}
    encoders = [n['encoder'] for n in nodes if 'encoder' in n]
    decoders = [n['decoder'] for n in nodes if 'decoder' in n]
    assert bool(warps) == (host_scope(path) == 'mmpose')
    if warps:  # one codec and one size everywhere
        codec = encoders[0]
        assert all(other == codec for other in (*encoders, *decoders))
        assert decoders
        assert {tuple(n['input_size']) for n in warps} == {
            tuple(codec['input_size'])
        }
        shifted = load(path).model.test_cfg.get('shift_heatmap', False)
        assert shifted == (codec['type'] == 'mmpose.MSRAHeatmap')


@functools.cache
def model_text(path):
    return str(load(path).model)


@functools.cache
def weights_of(path):
    """Names and shapes of the weights of a config's model.

    They are not drawn, which takes longer than building the model.
    """
    undrawn = {'side_effect': lambda weight, **_: weight}
    with (
        mock.patch('torch.nn.init.kaiming_uniform_', **undrawn),
        mock.patch('torch.nn.init.kaiming_normal_', **undrawn),
    ):
        model = hub.get_model(path.stem)
    assert not model.training
    assert model.cfg.filename == str(path)
    return {k: v.to('meta') for k, v in model.state_dict().items()}


def weights_of_equal(path):
    """Each model is built once: many configs differ in their data alone."""
    text = model_text(path)
    return weights_of(next(p for p in LEAVES if model_text(p) == text))


@each_leaf
def test_model_builds(path):
    weights = weights_of_equal(path)
    assert sum(value.numel() for value in weights.values()) > 0


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    'path',
    [path for path in LEAVES if load(path).get('load_from')],
    ids=lambda p: p.stem,
)
def test_what_a_config_starts_from_fits_its_model(path):
    """But for the parts that it names, each of which is needed."""
    cfg = load(path)
    stem = Path(cfg.load_from).parent.name
    source = next(p for p in LEAVES if p.stem == stem)
    partial = Partial.from_config(cfg.get('load_from_partial'))
    problems = compare_weights(
        weights_of_equal(path), weights_of_equal(source)
    )
    assert problems['of the wrong shape'] == []
    for names, beginnings in (
        (problems['missing'], partial.new),
        (problems['unknown'], partial.unused),
    ):
        assert all(name.startswith(tuple(beginnings)) for name in names)
        for beginning in beginnings:
            assert any(name.startswith(beginning) for name in names)
