# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The kit for a machine with a GPU: its commands, results and report."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mmfashion_ext import hub

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

kit = import_module('gpu_kit')
Step = kit.Step


def test_its_commands_are_of_this_repository(tmp_path):
    """No script, config or test file of the list was renamed."""
    steps = kit.all_steps(tmp_path / 'venv', tmp_path)
    assert {step.part for step in steps} == set(kit.PARTS)
    names = [step.name for step in steps]
    assert len(set(names)) == len(names)
    for step in steps:
        for word in step.command[1:]:
            if word.endswith('.py') and not word.startswith('/'):
                assert (ROOT / word).is_file(), word
            named = '_synthetic-' in word or '_deepfashion2' in word
            if named and '=' not in word and '/' not in word:
                assert hub.config_path(word)
    (tests,) = (step for step in steps if step.part == 'tests')
    assert 'tests/test_tryon/test_correlation.py' in tests.command
    assert len(tests.command) > 10


def test_options_of_its_tools(tmp_path):
    """Each option that the kit passes is one of the tool's."""
    for step in kit.all_steps(tmp_path / 'venv', tmp_path):
        script = step.command[1]
        if not script.endswith('.py'):
            continue
        text = (ROOT / script).read_text(encoding='utf-8')
        if script.startswith('tools/t'):  # their parsers are of the package
            package = ROOT / 'mmfashion_ext'
            text = (package / 'cli' / Path(script).name).read_text()
            text += (package / 'runner' / 'setup.py').read_text()
        if script.startswith('benchmarks/'):
            text += "'--out'"
        for word in step.command[2:]:
            if word.startswith('--'):
                assert f"'{word}'" in text, (script, word)


def test_speed_is_that_of_the_second_half(tmp_path):
    folder = tmp_path / '20261129' / 'vis_data'
    folder.mkdir(parents=True)
    entries = [{'loss': 1.0, 'time': t, 'memory': 900} for t in (9, 9, 2, 2)]
    lines = [*map(json.dumps, entries), json.dumps({'bbox/AP': 0.5})]
    (folder / 'scalars.json').write_text('\n'.join(lines))
    assert kit.speed_of(tmp_path) == {'iterations a second': 0.5, 'MiB': 900}
    assert kit.speed_of(folder) == {}


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Two steps of the kit, one of which fails; what has run."""
    ran = tmp_path / 'ran'
    say = f'open({str(ran)!r}, "a").write("x"); print("hello")'
    results = tmp_path / 'out' / 'numbers.json'
    content = json.dumps({'speed, s': 0.25, 'device': 'cuda'})
    write = f'{say}; open({str(results)!r}, "w").write({content!r})'
    fail = 'import sys; print("the reason"); sys.exit(3)'
    python = sys.executable
    steps = [
        Step('measures', 'good', [python, '-c', write], 1, {}, results),
        Step('tests', 'bad', [python, '-c', fail], 1),
    ]
    monkeypatch.setattr(kit, 'all_steps', lambda venv, out: steps)
    monkeypatch.setattr(kit, 'gpu_lines', lambda: ['NVIDIA H200, 580, 9.0'])
    return ran


def test_report_and_going_on(steps, tmp_path, capsys):
    out = tmp_path / 'out'
    assert kit.main(['--out', str(out)]) == 1
    report = (out / 'gpu_report.md').read_text()
    assert '- NVIDIA H200, 580, 9.0' in report
    assert '| measures: good | ok |' in report
    assert '| speed, s: 0.25 |' in report
    assert '| tests: bad | failed (3) |' in report
    assert 'the reason' in report
    assert 'hello' not in report  # of what ended well only the numbers
    assert 'report: ' in capsys.readouterr().out
    kit.main(['--out', str(out)])
    assert steps.read_text() == 'x'
    kit.main(['--out', str(out), '--again', '--only', 'measures'])
    assert steps.read_text() == 'xx'


def test_a_step_without_end(steps, tmp_path, monkeypatch):
    step = Step('tests', 'long', [sys.executable, '-c', 'input()'], 0.0)
    monkeypatch.setattr(kit, 'all_steps', lambda venv, out: [step])
    assert kit.main(['--out', str(tmp_path)]) == 1
    assert 'over 0 minutes' in (tmp_path / 'gpu_report.md').read_text()


def test_metrics_of_both_devices(tmp_path):
    assert kit.difference(tmp_path, 'scan') == 'not measured'
    (tmp_path / 'compare').mkdir()
    for device, value in (('gpu', 0.5), ('cpu', 0.4375)):
        path = tmp_path / 'compare' / f'scan_{device}.json'
        path.write_text(json.dumps({'mAP': value, 'same': 1.0}))
    found = kit.difference(tmp_path, 'scan')
    assert found == '2 metrics, at most 0.062 apart (mAP)'


def test_without_a_gpu(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(kit, 'gpu_lines', list)
    assert kit.main(['--out', str(tmp_path / 'out')]) == 2
    assert 'shows no GPU' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
    monkeypatch.setattr(kit, 'ROOT', tmp_path)
    assert kit.main(['--out', str(tmp_path / 'out')]) == 2
    assert 'run the kit in a clone' in capsys.readouterr().err
    monkeypatch.undo()
    assert kit.main(['--list', '--only', 'compare']) == 0
    assert 'CUDA_VISIBLE_DEVICES= ' in capsys.readouterr().out
