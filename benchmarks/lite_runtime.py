# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Start, speed and memory of an exported model, beside PyTorch.

Each row is a process of its own: seconds from the first import to the first
result, its largest memory, and seconds an input (an image, a pair of person
and garment, a tracklet compared with another) once it is warm. In brackets are
seconds of the CPU, which depend little on what else is running.

    mmfashion export NAME --weights FILE --out exported
    python benchmarks/lite_runtime.py exported NAME FILE --image street.jpg
    python benchmarks/lite_runtime.py exported NAME --threads 1 2
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.zoo.check_inputs import check_inputs

#: What a process runs; {build} makes the inferencer.
_CODE = """
import json, resource, sys, time
wall, cpu = time.perf_counter(), time.process_time()
{build}
inputs = json.loads(sys.argv[1])
infer(*inputs)
first = time.perf_counter() - wall, time.process_time() - cpu
times = []
for _ in range(int(sys.argv[2])):
    wall, cpu = time.perf_counter(), time.process_time()
    infer(*inputs)
    times.append((time.perf_counter() - wall, time.process_time() - cpu))
warm = [min(each) for each in zip(*times)]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([*first, *warm, peak]))
"""
_LITE = """
from mmfashion_ext.lite import build_inferencer
infer = build_inferencer({folder!r}, threads={threads}, show_progress=False)
"""
_TORCH = """
import torch
torch.set_num_threads({threads})
from mmfashion_ext.hub import build_inferencer
infer = build_inferencer({model!r}, {weights!r}, 'cpu', show_progress=False)
"""


def measure(build: str, inputs: list, repeats: int, threads: int) -> list:
    """Run a process; return its seconds (CPU), first and warm, and MiB."""
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    done = subprocess.run(
        [
            *(sys.executable, '-c', _CODE.format(build=build)),
            *(json.dumps(inputs), str(repeats)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _inputs(args: argparse.Namespace, folder: Path) -> list:
    """Return the arguments of a call, paths of files and folders."""
    if args.image is not None:
        return [args.image]
    content = json.loads(Path(args.folder, 'model.json').read_text())
    sides = check_inputs(content['system'], folder / 'inputs', 1)
    if content['system'] == 'scan':
        return [side[:1] for side in sides]
    return [side[0] for side in sides]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', help='that mmfashion export wrote')
    parser.add_argument('model', help='name of the model, or config file')
    parser.add_argument(
        'checkpoint', nargs='?', help='its weights; default: published ones'
    )
    parser.add_argument(
        '--image', help='of Match R-CNN and landmarks; default: generated'
    )
    parser.add_argument('--threads', type=int, nargs='+', default=[1])
    parser.add_argument('--repeats', type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inputs = _inputs(args, Path(folder))
        print(
            '| runtime | threads | first result, s (CPU) | input, s (CPU) '
            '| MiB |'
        )
        print('|---|---|---|---|---|')
        for threads in args.threads:
            for name, code in (('lite', _LITE), ('PyTorch', _TORCH)):
                build = code.format(
                    folder=args.folder,
                    model=args.model,
                    weights=args.checkpoint,
                    threads=threads,
                )
                first, cpu, warm, warm_cpu, peak = measure(
                    build, inputs, args.repeats, threads
                )
                print(
                    f'| {name} | {threads} | {first:.2f} ({cpu:.2f}) | '
                    f'{warm:.2f} ({warm_cpu:.2f}) | {peak:.0f} |',
                    flush=True,
                )


if __name__ == '__main__':
    run_tool(main)
