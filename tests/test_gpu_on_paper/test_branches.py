# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Code that asks for the device: a complete list, and tests of each half.

docs/gpu.md has the list. A branch that is new, gone or renamed fails here
until its row says which tests run its two halves.
"""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmfashion_ext import hub
from mmfashion_ext.cli import train
from mmfashion_ext.retrieval import image_encoder
from mmfashion_ext.runner import setup, start_up
from mmfashion_ext.runner.workers import share
from mmfashion_ext.scan.clip_features import step_memory
from mmfashion_ext.tryon import correlation, inferencer
from mmfashion_ext.zoo import profile

ROOT = Path(__file__).parents[2]
ROW = re.compile(r'^\| `(\S+)` \| `(\S+)` \| (.+) \| (.+) \|$', re.M)
ASKS = {'is_available', 'is_cuda_available', 'get_compiling_cuda_version'}


def asks(node):
    """Whether a piece of code asks for the device."""
    if isinstance(node, ast.Attribute) and node.attr in ('is_cuda', 'is_cpu'):
        return True
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(
            isinstance(side, ast.Attribute) and side.attr == 'type'
            for side in sides
        ) and any(
            isinstance(side, ast.Constant) and side.value in ('cpu', 'cuda')
            for side in sides
        )
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = getattr(function, 'attr', getattr(function, 'id', ''))
    if name == 'startswith':
        argument = node.args[0]
        return isinstance(argument, ast.Constant) and argument.value == 'cuda'
    if name == 'is_available':  # not that of other backends
        return ast.unparse(function) == 'torch.cuda.is_available'
    return name in ASKS


def branches(text):
    """Functions, with their classes, in whose own lines a device is asked."""
    found: list[str] = []
    if not re.search("is_c|'cpu'|'cuda'|_available|_cuda_", text):
        return found  # parsing takes longer

    def visit(node, names):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [*names, node.name]
        if asks(node):
            found.append('.'.join(names))
        for child in ast.iter_child_nodes(node):
            visit(child, names)

    visit(ast.parse(text), [])
    return sorted(set(found))


def test_what_counts_as_a_branch():
    text = """
class A:
    def one(self, x):
        return x.is_cuda
def two(x):
    if x.device.type != 'cpu': pass
def three(d):
    return d.startswith('cuda') or torch.cuda.is_available()
def four(cfg):
    return cfg.type == 'CpuHook' or torch.backends.mps.is_available()
"""
    assert branches(text) == ['A.one', 'three', 'two']


def test_the_list_is_complete_and_its_tests_exist():
    rows = ROW.findall((ROOT / 'docs' / 'gpu.md').read_text())
    listed = {(path, name) for path, name, *_ in rows}
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / 'mmfashion_ext').rglob('*.py')
        if '.mim' not in path.parts
        for name in branches(path.read_text())
    }
    assert found - listed == set(), 'add them to the list of docs/gpu.md'
    assert listed - found == set(), 'take them out of docs/gpu.md'
    for _, name, *halves in rows:
        for half in halves:
            tests = re.findall(r'`(\S+?\.py)(?:::(\w+))?`', half)
            assert tests, f'{name}: {half} names no test'
            for file, test in tests:
                path = ROOT / 'tests' / file
                assert path.is_file(), f'{name}: no {file}'
                there = not test or f'def {test}(' in path.read_text()
                assert there, f'{name}: no {test} in {file}'


@pytest.fixture
def with_cuda(monkeypatch):
    """A PyTorch that says there is a GPU."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(
        torch.cuda, 'get_device_name', lambda device=None: 'NVIDIA H200'
    )
    monkeypatch.setattr('mmengine.device.is_cuda_available', lambda: True)


def test_start_up_names_the_gpu(with_cuda, monkeypatch):
    assert start_up._device() == 'NVIDIA H200'
    monkeypatch.setattr(start_up, 'get_world_size', lambda: 8)
    assert start_up._device() == '8 x NVIDIA H200'


def test_models_go_to_the_gpu_by_themselves(with_cuda, monkeypatch):
    where = []
    monkeypatch.setattr(
        'mmfashion_ext.hub.models.get_model',
        lambda *args, device, **kwargs: where.append(device),
    )
    hub.load_model('scan_r10-small_1xb32-12e_synthetic-64x32', 'weights.pth')
    monkeypatch.setattr(
        inferencer, 'load_student', lambda *args: where.append(args[2])
    )
    name = 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96'
    inferencer.TryOnInferencer._load_model(None, name, 'weights.pth', None)
    where.append(image_encoder._choose_device(None))
    assert where == ['cuda', 'cuda', 'cuda']


def test_speed_is_told_with_its_gpu(with_cuda, monkeypatch):
    conditions = profile._conditions('cuda:1', '', 'random')
    assert conditions['device'] == 'NVIDIA H200'
    assert 'threads' not in conditions
    where = []

    def stop(name, device):
        where.append(device)
        raise KeyboardInterrupt

    monkeypatch.setattr(profile, 'build_for_profile', stop)
    monkeypatch.setattr(profile, 'example_inputs', lambda *_: None)
    name = 'scan_r10-small_1xb32-12e_synthetic-64x32'
    with pytest.raises(KeyboardInterrupt):
        profile.profile_model(name, seconds=0)
    assert where == ['cuda']


def test_processes_on_gpus_use_the_configs_backend(with_cuda, monkeypatch):
    """Not gloo, and SyncBN stays."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    given = []
    monkeypatch.setattr(
        torch.distributed,
        'init_process_group',
        lambda *_: pytest.fail('MMEngine does it'),
    )
    monkeypatch.setattr(
        Runner, 'from_cfg', classmethod(lambda cls, cfg: given.append(cfg))
    )
    cfg = Config(dict(launcher='pytorch', sync_bn='torch', model={}))
    setup.build_runner(cfg)
    assert given[0].sync_bn == 'torch'
    assert 'model_wrapper_cfg' not in given[0]


def test_amp_on_the_command_line(with_cuda, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(
        'mmfashion_ext.runner.build_runner',
        lambda cfg: given.append(cfg) or SimpleNamespace(train=lambda: None),
    )
    monkeypatch.setattr(
        'mmfashion_ext.runner.check_start', lambda *_, **__: None
    )
    name = 'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96'
    train.main([name, '--amp', '--work-dir', str(tmp_path)])
    assert given[0].optim_wrapper.type == 'AmpOptimWrapper'
    assert given[0].optim_wrapper.loss_scale == 'dynamic'


def test_tensors_of_the_gpu_are_not_shared(gpu):
    """Sharing memory of a GPU would be a handle that outlives its worker."""
    share(torch.ones(2, device=gpu))
    here = torch.ones(2)
    share(here)
    assert here.is_shared()


def test_pooling_steps_are_as_large_as_allowed(gpu):
    assert step_memory(2**40, torch.ones(1, device=gpu)) == 2**40
    assert step_memory(2**40, torch.ones(1)) < 2**40


def test_the_kernel_of_a_gpu_is_chosen(monkeypatch):
    """The kernel itself needs a GPU, see test_mmcv_equals_banded."""
    monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: '13.0')
    correlation._mmcv_op.cache_clear()
    try:
        assert correlation._mmcv_op().__name__ == 'apply'
        calls = []
        monkeypatch.setattr(
            correlation, 'correlation_mmcv', lambda *args: calls.append(args)
        )
        maps = SimpleNamespace(is_cuda=True)
        correlation.correlation(maps, maps, 3)
        assert calls == [(maps, maps, 3)]
    finally:
        correlation._mmcv_op.cache_clear()
