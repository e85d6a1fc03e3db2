# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Size, speed and memory of the mobile student against the large one.

Both run accelerated (``FastTryOn``) in PyTorch, and exported in ONNX Runtime,
alternating on one thread in one run; the fastest of ``--rounds`` counts. Times
are CPU seconds of this process for one try-on, person and garment encoded.
Weights are random: they do not change the arithmetic. Memory is the additional
peak of a try-on in PyTorch.

Example:
    OMP_NUM_THREADS=1 python benchmarks/tryon_mobile.py --out mobile.json
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import report
import torch
from torch import Tensor
from tryon_inference import count_flop, draw, peak

from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn
from mmfashion_ext.tryon.inference.onnx_export import INPUTS, export_onnx
from mmfashion_ext.tryon.inferencer import load_student
from mmfashion_ext.tryon.student import ParserFreeTryOn
from mmfashion_ext.utils.cli import run_tool

MODELS = {
    'large': 'pf-afn_e2e_8xb4-100e_viton-256x192',
    'mobile': 'pf-afn-mobile_e2e_8xb4-100e_viton-256x192',
}


def runtime(
    model: ParserFreeTryOn, folder: Path, name: str
) -> Callable[[Sequence[Tensor]], object]:
    """Export a model and return a function that runs it on one thread."""
    import onnxruntime

    path = folder / f'{name}.onnx'
    export_onnx(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )

    def run(images: Sequence[Tensor]) -> object:
        arrays = (image.numpy() for image in images)
        return session.run(None, dict(zip(INPUTS, arrays, strict=True)))

    return run


def fastest(
    runs: dict[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
    """Return the CPU seconds of the fastest call of each function."""
    for run in runs.values():
        run()
    seconds = dict.fromkeys(runs, float('inf'))
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Run all measurements; see the module."""
    torch.manual_seed(0)
    models = {kind: load_student(name) for kind, name in MODELS.items()}
    result: dict[str, float] = {}
    for kind, model in models.items():
        networks = model.warp_net, model.generator
        count = sum(p.numel() for net in networks for p in net.parameters())
        result[f'{kind}, parameters, M'] = count / 1e6
        result[f'{kind}, float16, MB'] = 2 * count / 1e6
    fast = {kind: FastTryOn(model) for kind, model in models.items()}
    with tempfile.TemporaryDirectory() as folder:
        exported = {
            kind: runtime(model, Path(folder), kind)
            for kind, model in models.items()
        }
    for size in map(tuple, args.sizes):
        images = draw(1, size, 'cpu')
        inputs = dict(zip(INPUTS, images, strict=True))
        runs: dict[str, Callable[[], object]] = {}
        for kind in models:

            def torch_run(kind: str = kind, inputs: dict = inputs) -> object:
                return fast[kind].try_on(inputs)

            def onnx_run(kind: str = kind, images: tuple = images) -> object:
                return exported[kind](images)

            runs[f'{kind}, PyTorch'] = torch_run
            runs[f'{kind}, ONNX Runtime'] = onnx_run
            at = f'{size[0]} x {size[1]}: {kind}'
            result[f'{at}, GFLOP'] = count_flop(torch_run)
            result[f'{at}, MiB above the weights'] = peak(torch_run, 'cpu')
        seconds = fastest(runs, args.rounds)
        at = f'{size[0]} x {size[1]}'
        result |= {f'{at}: {name}, s': s for name, s in seconds.items()}
        today = seconds['large, PyTorch']
        for name in ('PyTorch', 'ONNX Runtime'):
            result[f'{at}: {name}, times faster than today'] = (
                today / seconds[f'mobile, {name}']
            )
    return result


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument(
        '--sizes',
        type=int,
        nargs=2,
        action='append',
        metavar=('H', 'W'),
        help='default: 256 192 and 512 384',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    args.sizes = args.sizes or [(256, 192), (512, 384)]
    torch.set_num_threads(args.threads)
    report.show(
        f'One try-on, {args.threads} thread(s), fastest of {args.rounds}',
        compare(args),
        args,
    )


if __name__ == '__main__':
    run_tool(main)
