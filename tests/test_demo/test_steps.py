# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Steps of the demo: order, time left, and what a failing step stops."""

import io

import pytest
from rich.console import Console
from tour.steps import (
    Step,
    StepError,
    Workspace,
    duration,
    run_steps,
    seconds_left,
)

from mmfashion_ext.errors import UserError


def nothing(step):
    pass


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80)


def run(steps, console):
    """The steps that are not done, the page's states, and the lines."""
    written = []
    bad = run_steps(
        steps, lambda: written.append([s.state for s in steps]), console
    )
    return bad, written, console.file.getvalue().splitlines()


def test_a_failing_step_stops_those_that_need_it_only(console):
    """The others still run, and the failing one is named with its cause."""

    def fail(step):
        raise UserError('the disk is full')

    first = Step('A', 'generate', 1, fail)
    second = Step('A', 'train', 1, nothing, (first,))
    third = Step('A', 'test', 1, nothing, (second,))
    other = Step('B', 'train', 1, nothing)
    bad, written, lines = run([first, second, third, other], console)
    assert bad == [first, second, third]
    assert [step.state for step in bad] == ['failed', 'left out', 'left out']
    assert first.error == 'the disk is full'
    assert third.error == 'needs the step "A: train"'
    assert other.state == 'done'
    assert '        FAILED: the disk is full' in lines
    assert written[0] == ['failed', '', '', '']
    assert written[-1][-1] == 'done'


def test_an_unexpected_error_is_named_by_its_type(console):
    def fail(step):
        raise KeyError('mAP')

    (step,), _, _ = run([Step('A', 'test', 1, fail)], console)
    assert step.error == "KeyError: 'mAP'"


def test_ctrl_c_ends_the_demo(console):
    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([Step('A', 'test', 1, stop)], console)


def test_lines_have_number_and_time_left(console):
    steps = [Step('A', 'x', 100, nothing), Step('B', 'y', 50, nothing)]
    _, _, lines = run(steps, console)
    assert lines[0] == '[ 1/2] A: x (about 2 min 30 s left)'
    assert lines[1].startswith('[ 2/2] B: y (about ')


def test_time_left_follows_the_pace_of_this_machine():
    steps = [Step('A', 'x', 30, nothing), Step('B', 'y', 60, nothing)]
    assert seconds_left(steps) == 90
    steps[0].state, steps[0].took = 'done', 70.0
    assert seconds_left(steps) == 120  # (70 + 10) / (30 + 10) = 2
    steps[1].state = 'left out'
    assert seconds_left(steps) == 0


@pytest.mark.parametrize(
    ('seconds', 'expected'),
    [(0, '0 s'), (59.4, '59 s'), (59.6, '1 min 0 s'), (125, '2 min 5 s')],
)
def test_duration(seconds, expected):
    assert duration(seconds) == expected


def test_commands_are_noted_and_their_output_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work = Workspace(tmp_path / 'out', tmp_path)
    step = Step('A', 'x', 1, nothing)
    work.command(step, '-c', 'print("seen")')
    assert step.code == [('command', 'python -c \'print("seen")\'')]
    assert (tmp_path / 'out/logs/01.txt').read_text().endswith('\nseen\n')
    with pytest.raises(StepError, match=r'(?s)ended with 3.*02\.txt.*why$'):
        work.command(step, '-c', 'print("why"); raise SystemExit(3)')


def test_python_runs_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    work = Workspace(tmp_path / 'out', tmp_path)
    step = Step('A', 'x', 1, nothing)
    code = 'print("seen")\nanswer = 6 * 7\n'
    assert work.python(step, code)['answer'] == 42
    assert step.code == [('Python', code.strip())]
    assert (tmp_path / 'out/logs/01.txt').read_text() == 'seen\n'
    assert capsys.readouterr().out == ''


def test_paths_are_those_that_a_user_would_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work = Workspace(tmp_path / 'out', tmp_path / 'root')
    assert str(work.path('runs', 'scan')) == 'out/runs/scan'
    assert str(work.tool('tools/test.py')) == 'root/tools/test.py'
    monkeypatch.chdir(tmp_path / 'out')
    assert work.tool('tools/test.py') == tmp_path / 'root/tools/test.py'


def test_commands_of_the_program_run_in_this_process(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    work = Workspace(tmp_path / 'out', tmp_path)
    step = Step('A', 'x', 1, nothing)
    work.program(step, '--version')
    assert step.code == [('command', 'mmfashion --version')]
    assert 'mmfashion' in (tmp_path / 'out/logs/01.txt').read_text()
    with pytest.raises(UserError, match='no-such'):
        work.program(step, 'no-such')
