# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ways to run the try-on student on a GPU, one pair at a time.

The model's own way in float32, in float16 by autocast and in channels-last
memory; ``FastTryOn`` in float32 and float16, compiled, and as one CUDA graph,
which saves the time of starting kernels. Full-width random weights, images of
256 x 192 px; the ways alternate and the fastest of ``--rounds`` counts. A way
that fails is named with its error, the others are measured.

Example:
    python benchmarks/tryon_gpu.py --out tryon_gpu.json
"""

import argparse
import copy
from collections.abc import Callable

import report
import torch
from rich.console import Console
from torch import Tensor
from tryon_inference import Alternation, draw, make_model, peak, psnr

from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn
from mmfashion_ext.utils.cli import run_tool

Way = Callable[[], Tensor]


def graphed(way: Way) -> Way:
    """Capture a way as a CUDA graph; its inputs stay where they are."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            way()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        out = way()

    def replay() -> Tensor:
        graph.replay()
        return out

    return replay


def ways(args: argparse.Namespace) -> dict[str, Callable[[], Way]]:
    """Return a builder of each way, by name."""
    device = args.device
    model = make_model(device)
    person, cloth, mask = draw(1, tuple(args.size), device)
    inputs = {'person': person, 'cloth': cloth, 'cloth_mask': mask}
    half = torch.float16 if device.startswith('cuda') else torch.bfloat16

    def own(network: torch.nn.Module, last: bool = False) -> Way:
        given = inputs
        if last:
            network = network.to(memory_format=torch.channels_last)
            given = {
                name: value.contiguous(memory_format=torch.channels_last)
                for name, value in inputs.items()
            }

        @torch.no_grad()
        def run() -> Tensor:
            return network(given)[0].try_on

        return run

    def autocast() -> Way:
        run = own(model)

        def cast() -> Tensor:
            with torch.autocast(torch.device(device).type, half):
                return run()

        return cast

    def fast(
        dtype: torch.dtype = torch.float32, compiled: bool = False
    ) -> Way:
        accelerated = FastTryOn(model, dtype, compiled)
        return lambda: accelerated.try_on(inputs)[0].try_on

    built: dict[str, Callable[[], Way]] = {
        'float32': lambda: own(model),
        'autocast': autocast,
        'channels-last': lambda: own(copy.deepcopy(model), last=True),
        'FastTryOn float32': fast,
        'FastTryOn half': lambda: fast(half),
    }
    if device.startswith('cuda'):
        built['FastTryOn float32, compiled'] = lambda: fast(compiled=True)
        built['FastTryOn float32, CUDA graph'] = lambda: graphed(fast())
        built['FastTryOn half, CUDA graph'] = lambda: graphed(fast(half))
    return built


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Measure all ways; see the module."""
    torch.manual_seed(0)
    built, runs = ways(args), {}
    for name, build in built.items():
        try:
            runs[name] = build()
            runs[name]()
        except Exception as error:
            runs.pop(name, None)
            reason = str(error).strip().splitlines()
            Console().print(f'{name}: {reason[0] if reason else error!r}')
    if 'float32' not in runs:
        return {}
    expected = runs['float32']().clone()
    seconds = Alternation(args.device, args.rounds)(**runs)
    result = {}
    for name, run in runs.items():
        result[f'{name}, s'] = seconds[name]
        result[f'{name}, MiB'] = peak(run, args.device)
        if name != 'float32':
            result[f'{name}, PSNR, dB'] = min(psnr(run(), expected), 200.0)
    result['try-ons a second at best'] = 1 / min(seconds.values())
    return result


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--device', default='cuda', help='cpu or cuda')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(256, 192), metavar=('H', 'W')
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    result = compare(args)
    name = 'CPU'
    if args.device.startswith('cuda'):
        name = torch.cuda.get_device_name(args.device)
    title = f'Try-on of one pair, {args.size[0]} x {args.size[1]} px, {name}'
    report.show(title, result, args, device_name=name)


if __name__ == '__main__':
    run_tool(main)
