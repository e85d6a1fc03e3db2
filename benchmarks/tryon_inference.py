# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Speed and memory of try-on: as published against ``FastTryOn``.

The plain side is a port to current PyTorch (:mod:`tryon_plain`). Both sides
have the same full-width random weights, whose normalisations and flows are
not trivial, and images of 256 x 192 px; they alternate on one thread, and the
fastest of ``--rounds`` counts. Times are CPU seconds (seconds on a GPU). The
machine's matrix rate is that of a product of 1024 x 1024 float32 matrices,
measured in between.

Example:
    OMP_NUM_THREADS=1 python benchmarks/tryon_inference.py \
        --out tryon_inference.json
"""

import argparse
import contextlib
import ctypes
import gc
import re
import time
from collections.abc import Callable
from pathlib import Path

import report
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from tryon_plain import Images, plain_flow, plain_try_on

from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn
from mmfashion_ext.tryon.inferencer import has_bfloat16, load_student
from mmfashion_ext.tryon.student import ParserFreeTryOn
from mmfashion_ext.utils.cli import run_tool

MODEL = 'pf-afn_e2e_8xb4-100e_viton-256x192'
SIDE = 1024  # of the matrices
MIB = 2**20


def make_model(device: str) -> ParserFreeTryOn:
    """Return a model with weights as random as trained ones."""
    model = load_student(MODEL)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    net = model.warp_net
    for head in (*net.main_heads, *net.refine_heads):
        torch.nn.init.uniform_(head[-1].bias, -1, 1)
    return model.to(device)


def draw(count: int, size: tuple[int, int], device: str) -> Images:
    """Draw persons, garments and masks that are smooth like photographs."""
    noise = torch.rand(count, 7, size[0] // 8, size[1] // 8)
    noise = functional.interpolate(noise, size=size, mode='bicubic')
    noise = noise.clamp(0, 1).to(device)
    mask = (noise[:, 6:] > 0.4).float()
    return noise[:, :3] * 2 - 1, (noise[:, 3:6] * 2 - 1) * mask, mask


class Alternation:
    """Measure several functions in alternation.

    Args:
        device (str): Device that they run on.
        rounds (int): Number of calls of each.
    """

    def __init__(self, device: str, rounds: int) -> None:
        self.on_gpu = torch.device(device).type == 'cuda'
        self.rounds = rounds

    def clock(self) -> float:
        """Return CPU seconds of this process; seconds on a GPU."""
        if not self.on_gpu:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def __call__(self, **runs: Callable[[], object]) -> dict[str, float]:
        """Return the seconds of the fastest call of each function."""
        for run in runs.values():
            run()  # libraries start up, networks compile
        fastest = dict.fromkeys(runs, float('inf'))
        for _ in track(range(self.rounds), ', '.join(runs)):
            for name, run in runs.items():
                start = self.clock()
                run()
                fastest[name] = min(fastest[name], self.clock() - start)
        return fastest


def matrix_product(device: str) -> Callable[[], object]:
    """Run a product that shows the machine's rate."""
    matrix = torch.randn(SIDE, SIDE, device=device)
    return lambda: matrix @ matrix


def count_flop(run: Callable[[], object]) -> float:
    """Count GFLOP of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def psnr(found: Tensor, expected: Tensor) -> float:
    """Compute the PSNR in dB of images in [-1, 1]."""
    error = ((found.float() - expected.float()) / 2).square().mean()
    return float(-10 * error.log10())


def at_batch_1(
    model: ParserFreeTryOn,
    fast: FastTryOn,
    alternate: Alternation,
    device: str,
) -> dict[str, float]:
    """Measure one pair, and its flow alone."""
    images = draw(1, (256, 192), device)
    person, cloth, mask = images
    net = model.warp_net
    inputs = {'person': person, 'cloth': cloth, 'cloth_mask': mask}

    def ours() -> Tensor:
        return fast.try_on(inputs)[0].try_on

    def plain() -> Tensor:
        return plain_try_on(model, images)

    @torch.no_grad()
    def our_flow() -> object:
        # as on the plain side, no part of the heads is precomputed
        return fast.warp_net.flows(*fast_features)

    with torch.no_grad():
        features = net.encode_cloth(cloth), net.encode_condition(person)
        fast_features = (
            fast.encode_cloth(cloth, mask).maps,
            fast.encode_person(person).maps,
        )
        parts = alternate(
            plain=lambda: plain_flow(net, *features), ours=our_flow
        )
    seconds = alternate(plain=plain, ours=ours, matrix=matrix_product(device))
    rate = 2 * SIDE**3 / 1e9 / seconds['matrix']
    flop, ours_flop = count_flop(plain), count_flop(ours)
    return {
        'batch 1, plain, s': seconds['plain'],
        'batch 1, ours, s': seconds['ours'],
        'batch 1, times faster': seconds['plain'] / seconds['ours'],
        'largest difference of a try-on': float(
            (ours() - plain()).abs().max()
        ),
        'flow part, plain, s': parts['plain'],
        'flow part, ours, s': parts['ours'],
        'matrix rate, GFLOP/s': rate,
        'a try-on, plain, GFLOP': flop,
        'a try-on, ours, GFLOP': ours_flop,
        'share of the matrix rate, plain': flop / seconds['plain'] / rate,
        'share of the matrix rate, ours': ours_flop / seconds['ours'] / rate,
    }


def one_for_many(
    model: ParserFreeTryOn,
    fast: FastTryOn,
    alternate: Alternation,
    args: argparse.Namespace,
) -> dict[str, float]:
    """Measure one person in many garments, and one garment on many."""
    many = args.many
    persons, clothes, masks = draw(many, (256, 192), args.device)

    def pair(p: int, g: int) -> Images:
        return tuple(
            x[i : i + 1] for x, i in ((persons, p), (clothes, g), (masks, g))
        )

    def garments() -> list[Tensor]:
        person = fast.encode_person(persons[:1])
        return [
            fast.dress(person, fast.encode_cloth(*pair(0, g)[1:]))[0].try_on
            for g in range(many)
        ]

    def people() -> list[Tensor]:
        cloth = fast.encode_cloth(clothes[:1], masks[:1])
        return [
            fast.dress(fast.encode_person(persons[p : p + 1]), cloth)[0].try_on
            for p in range(many)
        ]

    seconds = alternate(
        plain=lambda: [plain_try_on(model, pair(0, g)) for g in range(2)],
        garments=garments,
        people=people,
    )
    plain = seconds['plain'] / 2
    worst = max(
        float((found[-1] - plain_try_on(model, expected)).abs().max())
        for found, expected in (
            (garments(), pair(0, many - 1)),
            (people(), pair(many - 1, 0)),
        )
    )
    return {
        'a pair among many, plain, s': plain,
        f'1 person x {many} garments, ours, s a try-on': seconds['garments']
        / many,
        f'1 person x {many} garments, times faster': plain
        * many
        / seconds['garments'],
        f'1 garment x {many} persons, ours, s a try-on': seconds['people']
        / many,
        f'1 garment x {many} persons, times faster': plain
        * many
        / seconds['people'],
        'largest difference of these': worst,
    }


def in_half(
    model: ParserFreeTryOn,
    alternate: Alternation,
    expected: Callable[[dict], Tensor],
    args: argparse.Namespace,
) -> dict[str, float]:
    """Measure bfloat16 on a CPU, float16 on a GPU."""
    dtype = torch.float16 if alternate.on_gpu else torch.bfloat16
    half = FastTryOn(model, dtype, args.compile)
    images = draw(1, (256, 192), args.device)
    inputs = dict(zip(('person', 'cloth', 'cloth_mask'), images, strict=True))
    name = str(dtype).removeprefix('torch.')
    result = {
        f'{name}, PSNR against float32, dB': psnr(
            half.try_on(inputs)[0].try_on, expected(inputs)
        )
    }
    if alternate.on_gpu or has_bfloat16():
        seconds = alternate(
            plain=lambda: plain_try_on(model, images),
            half=lambda: half.try_on(inputs),
        )
        result[f'{name}, s'] = seconds['half']
        result[f'{name}, times faster than plain float32'] = (
            seconds['plain'] / seconds['half']
        )
    else:
        Console().print(
            'This CPU has no instructions for bfloat16: not timed.'
        )
    return result


# -------------------------------------------------------------------- memory
def memory(field: str) -> float:
    """Return MiB of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{field}:\s+(\d+)', status)[1]) * 1024 / MIB


def peak(run: Callable[[], object], device: str) -> float:
    """Return the additional peak MiB of a call."""
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / MIB
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        # what earlier runs have let go, back to the system
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')
    before = memory('VmRSS')
    run()
    return memory('VmHWM') - before


def large(
    model: ParserFreeTryOn, fast: FastTryOn, args: argparse.Namespace
) -> dict[str, float]:
    """Measure memory at 1024 x 768 px."""
    images = draw(1, (1024, 768), args.device)
    inputs = dict(zip(('person', 'cloth', 'cloth_mask'), images, strict=True))
    plain = peak(lambda: plain_try_on(model, images), args.device)
    ours = peak(lambda: fast.try_on(inputs), args.device)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    return {
        '1024 x 768, plain, MiB above the weights': plain,
        '1024 x 768, ours, MiB above the weights': ours,
        'weights, MiB': weights / MIB,
    }


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Run all measurements; see the module."""
    torch.manual_seed(0)
    model = make_model(args.device)
    fast = FastTryOn(model, compile=args.compile)
    alternate = Alternation(args.device, args.rounds)

    def expected(inputs: dict) -> Tensor:
        return fast.try_on(inputs)[0].try_on

    result = at_batch_1(model, fast, alternate, args.device)
    result |= one_for_many(model, fast, alternate, args)
    if not args.skip_half:
        result |= in_half(model, alternate, expected, args)
    if not args.skip_large:
        result |= large(model, fast, args)
    return result


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--many', type=int, default=16)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument(
        '--compile', action='store_true', help='compile our networks'
    )
    parser.add_argument(
        '--skip-half',
        action='store_true',
        help='no bfloat16, which takes minutes on a CPU without it',
    )
    parser.add_argument(
        '--skip-large', action='store_true', help='no 1024 x 768 px'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    result = compare(args)
    report.show(
        f'256 x 192 px, {args.device}, {args.threads} thread(s), '
        f'fastest of {args.rounds}',
        result,
        args,
    )


if __name__ == '__main__':
    run_tool(main)
