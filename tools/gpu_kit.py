# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check this project on a machine with an NVIDIA GPU, and write one report.

It installs everything (mmcv's ops for this GPU included), runs the tests that
other machines skip, trains a small config of each system in float32 and in
mixed precision, compares metrics of GPU and CPU, and measures iterations a
second, memory and the speed of try-on. Each step is an ordinary command, has
a log of its own and a time limit; one that fails does not stop the others.
Run it again to go on: what has ended well is not repeated.

    python3 tools/gpu_kit.py            # everything, about an hour
    python3 tools/gpu_kit.py --list     # the commands, without running them
    python3 tools/gpu_kit.py --only tests measures

Only the standard library is needed. Attach the report, gpu_report.md in the
folder of --out, to an issue. See docs/gpu.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ('install', 'tests', 'train', 'compare', 'measures')


@dataclass
class Step:
    """A command of the kit.

    Attributes:
        part (str): Of :data:`PARTS`.
        name (str): Also the name of its log.
        command (list[str]): Arguments; the first one is the program.
        minutes (float): Time limit.
        env (dict): Added environment variables.
        results (Path, optional): File that it writes.
    """

    part: str
    name: str
    command: list[str]
    minutes: float
    env: dict[str, str] = field(default_factory=dict)
    results: Path | None = None


#: System -> its small config, the kind of its data, and how they are made.
SYSTEMS = {
    'match_rcnn': (
        'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
        'deepfashion2',
    ),
    'landmark': (
        'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
        'deepfashion2',
    ),
    'scan': ('scan_r10-small_1xb32-12e_synthetic-64x32', 'video-reid'),
    'tryon': ('pb-afn_warp-small_1xb4-8e_synthetic-128x96', 'viton'),
}
DATA = {
    'deepfashion2': ['--num', '800', '--val', '100', '--size', '256'],
    'video-reid': ['--num', '120', '--size', '64', '--frames', '16', '48'],
    'viton': ['--num', '400', '--test', '60', '--size', '128'],
}


def gpu_tests() -> list[str]:
    """Return the test files with tests that need a GPU."""
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / 'tests').rglob('test_*.py'))
        if 'skipif(' in (text := path.read_text(encoding='utf-8'))
        and 'torch.cuda.is_available()' in text
    ]


def make_data(kind: str, python: str, out: Path) -> list[Step]:
    """Return the steps that generate and convert a small dataset."""
    root = out / 'data' / kind
    generate = [python, '-m', 'mmfashion_ext.synthetic', kind, str(root)]
    steps = [
        Step(
            'train',
            f'data {kind}',
            [*generate, *DATA[kind], '--overwrite'],
            20,
        )
    ]
    tool = f'tools/dataset_converters/{kind.replace("-", "_")}.py'
    if kind == 'deepfashion2':
        for split in ('train', 'validation'):
            target = str(root / 'annotations' / f'{split}.json')
            command = [python, tool, str(root / split), '--out', target]
            steps.append(Step('train', f'annotations {split}', command, 5))
    elif kind == 'video-reid':
        command = [python, tool, 'ilids-vid', str(root / 'raw')]
        command += ['--out', str(root), '--flow', 'dis']
        steps.append(Step('train', 'optical flow', command, 15))
    return steps


def data_options(system: str, root: Path) -> list[str]:
    """Return --cfg-options that make a config read the small data."""
    options = [
        f'{split}_dataloader.dataset.data_root={root}/'
        for split in ('train', 'val', 'test')
    ]
    if system in ('match_rcnn', 'landmark'):
        truth = root / 'annotations' / 'validation.json'
        options += [f'{s}_evaluator.ann_file={truth}' for s in ('val', 'test')]
    return options


def training(system: str, python: str, out: Path) -> list[Step]:
    """Return a training in float32, one with --amp, and tests on both."""
    config, kind = SYSTEMS[system]
    options = data_options(system, out / 'data' / kind)
    epochs = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    steps = []
    for name, flags in (('float32', []), ('amp', ['--amp'])):
        work = out / 'train' / f'{system}_{name}'
        command = [python, 'tools/train.py', config, '--work-dir', str(work)]
        command += [*flags, '--cfg-options', *options, *epochs]
        command += ['default_hooks.logger.interval=5']
        steps.append(
            Step('train', f'{system} {name}', command, 20, results=work)
        )
    weights = out / 'train' / f'{system}_float32' / 'epoch_1.pth'
    for device, env in (('gpu', {}), ('cpu', {'CUDA_VISIBLE_DEVICES': ''})):
        results = out / 'compare' / f'{system}_{device}.json'
        command = [python, 'tools/test.py', config, str(weights)]
        command += ['--work-dir', str(out / 'compare' / f'{system}_{device}')]
        command += ['--out', str(results), '--cfg-options', *options]
        steps.append(
            Step('compare', f'{system} {device}', command, 30, env, results)
        )
    return steps


def measures(python: str, out: Path) -> list[Step]:
    """Return the benchmarks that have a GPU side."""
    large = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'
    commands = {
        'try-on variants': ['tryon_gpu.py'],
        'try-on inference': ['tryon_inference.py', '--device', 'cuda'],
        'try-on compiled': [
            *('tryon_inference.py', '--device', 'cuda', '--compile'),
        ],
        'try-on training': [
            *('tryon_training.py', '--device', 'cuda', '--skip-vgg'),
            *('--batch-size', '4'),
        ],
        'match rcnn r50': ['landmark_overhead.py', large],
        'match rcnn r50 amp': ['landmark_overhead.py', large, '--amp'],
        'retrieval': ['retrieval_exact.py', '--device', 'cuda'],
    }
    steps = []
    for name, (script, *arguments) in commands.items():
        results = out / 'measures' / f'{name.replace(" ", "_")}.json'
        command = [python, f'benchmarks/{script}', *arguments]
        command += ['--out', str(results)]
        steps.append(Step('measures', name, command, 20, {}, results))
    return steps


def all_steps(venv: Path, out: Path) -> list[Step]:
    """Return the steps of the kit, in order."""
    python = str(venv / 'bin' / 'python')
    junit = out / 'tests.xml'
    set_up = [sys.executable, 'tools/install.py', '--venv', str(venv)]
    steps = [
        Step('install', 'set-up', [*set_up, '--dev', '--cuda'], 120),
        Step('install', 'doctor', [python, 'tools/doctor.py'], 5),
        Step(
            'tests',
            'tests that need a GPU',
            [python, '-m', 'pytest', f'--junitxml={junit}', *gpu_tests()],
            60,
            results=junit,
        ),
    ]
    for kind in DATA:
        steps += make_data(kind, python, out)
    for system in SYSTEMS:
        steps += training(system, python, out)
    return steps + measures(python, out)


def run_step(step: Step, out: Path) -> dict:
    """Run a step; return its status, seconds and the end of its log."""
    log = out / 'logs' / f'{step.part}_{step.name.replace(" ", "_")}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    if step.results is not None:
        step.results.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open('w', encoding='utf-8') as file:
        try:
            status = subprocess.run(
                step.command,
                cwd=ROOT,
                env={**os.environ, 'PYTHONUNBUFFERED': '1', **step.env},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=step.minutes * 60,
            ).returncode
        except subprocess.TimeoutExpired:
            status = f'over {step.minutes:g} minutes'
        except OSError as error:
            status = str(error)
    text = log.read_text(encoding='utf-8', errors='replace')
    return {
        'command': ' '.join(step.command),
        'status': 'ok' if status == 0 else f'failed ({status})',
        'seconds': round(time.monotonic() - start, 1),
        'tail': text.strip().splitlines()[-15:],
    }


def speed_of(work_dir: Path) -> dict[str, float]:
    """Return seconds an iteration and MiB of a training, from its log."""
    seconds, memory = [], []
    for path in work_dir.glob('*/vis_data/scalars.json'):
        for line in path.read_text(encoding='utf-8').splitlines():
            entry = json.loads(line)
            if 'loss' in entry and 'time' in entry:
                seconds.append(entry['time'])
                memory.append(entry.get('memory', 0))
    if not seconds:
        return {}
    # the first half: libraries choose their kernels
    typical = statistics.median(seconds[len(seconds) // 2 :])
    return {'iterations a second': 1 / typical, 'MiB': max(memory)}


def read_results(step: Step) -> dict[str, float]:
    """Return the numbers that a step wrote."""
    path = step.results
    if path is None or not path.exists():
        return {}
    if path.is_dir():
        return speed_of(path)
    if path.suffix == '.xml':
        suite = ElementTree.parse(path).getroot().find('testsuite')
        keys = ('tests', 'failures', 'errors', 'skipped')
        return {key: float(suite.get(key, 0)) for key in keys}
    content = json.loads(path.read_text(encoding='utf-8'))
    return {k: v for k, v in content.items() if isinstance(v, int | float)}


def difference(out: Path, system: str) -> str:
    """Return how far metrics of GPU and CPU lie apart."""
    found = []
    for device in ('gpu', 'cpu'):
        path = out / 'compare' / f'{system}_{device}.json'
        if not path.is_file():
            return 'not measured'
        found.append(json.loads(path.read_text(encoding='utf-8')))
    common = found[0].keys() & found[1].keys()
    largest = max(common, key=lambda k: abs(found[0][k] - found[1][k]))
    apart = abs(found[0][largest] - found[1][largest])
    return f'{len(common)} metrics, at most {apart:.2g} apart ({largest})'


def gpu_lines() -> list[str]:
    """Return what nvidia-smi says of the GPUs."""
    query = '--query-gpu=name,driver_version,memory.total,compute_cap'
    try:
        done = subprocess.run(
            ['nvidia-smi', query, '--format=csv,noheader'],
            capture_output=True,
            text=True,
        )
    except OSError:
        return []
    return done.stdout.strip().splitlines() if not done.returncode else []


def write_report(out: Path, steps: Sequence[Step], done: dict) -> Path:
    """Write the report of all steps that have run."""
    lines = ['# mmfashion_ext on a GPU', '']
    lines += [f'- {line}' for line in gpu_lines() or ['no GPU was found']]
    lines += ['', '| step | status | seconds | results |', '|---|---|--:|---|']
    for step in steps:
        entry = done.get(step.name)
        if entry:
            numbers = ', '.join(
                f'{name}: {value:.4g}'
                for name, value in read_results(step).items()
            )
            lines.append(
                f'| {step.part}: {step.name} | {entry["status"]} | '
                f'{entry["seconds"]} | {numbers} |'
            )
    lines += ['', '## Metrics of GPU and CPU', '']
    lines += [f'- {s}: {difference(out, s)}' for s in SYSTEMS]
    for step in steps:
        entry = done.get(step.name)
        if entry and (entry['status'] != 'ok' or step.name == 'doctor'):
            lines += ['', f'## {step.part}: {step.name}', '']
            lines += ['```', f'$ {entry["command"]}', *entry['tail'], '```']
    report = out / 'gpu_report.md'
    report.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return report


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'work_dirs' / 'gpu',
        help='folder of report, logs, data and trainings '
        '(default: work_dirs/gpu)',
    )
    parser.add_argument(
        '--venv',
        type=Path,
        default=ROOT / '.venv',
        help='environment to install into and to use (default: .venv)',
    )
    parser.add_argument(
        '--only', nargs='+', choices=PARTS, help='some parts only'
    )
    parser.add_argument(
        '--again', action='store_true', help='repeat what has ended well'
    )
    parser.add_argument(
        '--list', action='store_true', help='print the commands'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; return 1 if one of them failed."""
    args = parse_args(argv)
    out, venv = args.out.absolute(), args.venv.absolute()
    steps = all_steps(venv, out)
    chosen = [s for s in steps if s.part in (args.only or PARTS)]
    if args.list:
        for step in chosen:
            env = [f'{k}={v}' for k, v in step.env.items()]
            print(' '.join([*env, *step.command]))
        return 0
    if not (ROOT / 'tests').is_dir():
        print(
            f'error: {ROOT} is the copy in an installed package, which has '
            'neither tests nor benchmarks: run the kit in a clone',
            file=sys.stderr,
        )
        return 2
    if not gpu_lines():
        print(
            'error: nvidia-smi shows no GPU on this machine. The kit needs '
            'one; on a CPU run make test',
            file=sys.stderr,
        )
        return 2
    out.mkdir(parents=True, exist_ok=True)
    state = out / 'steps.json'
    done = json.loads(state.read_text()) if state.is_file() else {}
    for number, step in enumerate(chosen, 1):
        known = done.get(step.name, {}).get('status') == 'ok'
        if known and not args.again:
            continue
        title = f'[{number}/{len(chosen)}] {step.part}: {step.name}'
        print(title, end=' ... ', flush=True)
        done[step.name] = entry = run_step(step, out)
        print(f'{entry["status"]}, {entry["seconds"]} s', flush=True)
        state.write_text(json.dumps(done, indent=1), encoding='utf-8')
        report = write_report(out, steps, done)
    report = write_report(out, steps, done)
    print(f'report: {report}')
    return int(any(entry['status'] != 'ok' for entry in done.values()))


if __name__ == '__main__':
    sys.exit(main())
