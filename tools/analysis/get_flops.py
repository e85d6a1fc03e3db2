# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Count the parameters and multiply-adds of a model, module by module.

The model runs once, by its inferencer, on the example inputs of its system
(mmfashion_ext/zoo/example_inputs.py): what is counted is what a prediction
costs, heads on all boxes included. 1 GFLOP is 1e9 multiply-adds, as OpenMMLab
and most papers count. `mmfashion info NAME` shows the sums alone.

Examples:
    python tools/analysis/get_flops.py match-rcnn
    python tools/analysis/get_flops.py CONFIG --depth 2
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mmfashion_ext import hub
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        help='config file, or the name of a model; its weights do '
        'not matter, published ones are used',
    )
    parser.add_argument(
        '--depth',
        type=int,
        default=1,
        help='how deep modules are told apart (default: %(default)s)',
    )
    return parser.parse_args()


def count(name: str, depth: int) -> tuple[dict[str, tuple[int, int]], str]:
    """Count the work of a model by module.

    Args:
        name (str): Name of a model, or path of a config file.
        depth (int): 1: the children of the model.

    Returns:
        tuple: Module (``''``: all) -> parameters and multiply-adds of one
            item; and what the item is, such as ``'one image of 640 x 640
            px'``.
    """
    from torch.utils.flop_counter import FlopCounterMode

    from mmfashion_ext.zoo.example_inputs import example_inputs
    from mmfashion_ext.zoo.profile import build_for_profile, system_of

    with tempfile.TemporaryDirectory() as folder:
        example = example_inputs(system_of(name), Path(folder, 'data'))
        model, _ = build_for_profile(name, 'cpu')
        infer = hub.build_inferencer(model, show_progress=False)
        with FlopCounterMode(display=False) as counter:
            called = ModuleCounter(model, counter.get_total_flops)
            infer(*example.inputs)
        total = counter.get_total_flops()
    # PyTorch counts both operations of a multiply-add
    share = 2 * example.count
    rows = {'': (_parameters(model), total // share)}
    for path, module in model.named_modules():
        if path and path.count('.') < depth and _parameters(module):
            work = called.total(module) // share
            rows[path] = _parameters(module), work
    return rows, example.text


class ModuleCounter:
    """Operations of each module, those of its children included.

    Args:
        model (nn.Module): Its modules get hooks.
        total (callable): Returns the operations so far.
    """

    def __init__(self, model: Any, total: Callable[[], int]) -> None:
        self._done: Counter[Any] = Counter()
        for module in model.modules():
            module.register_forward_pre_hook(
                lambda module, _: self._done.update({module: -total()})
            )
            module.register_forward_hook(
                lambda module, *_: self._done.update({module: total()})
            )

    def total(self, module: Any) -> int:
        """Return the operations of a module.

        One that is never called itself, such as a head whose ``predict``
        calls its layers, has those of its children.
        """
        if module in self._done:
            return self._done[module]
        return sum(map(self.total, module.children()))


def _parameters(module: Any) -> int:
    return sum(value.numel() for value in module.parameters())


def main() -> None:
    """Print the table."""
    args = parse_args()
    rows, text = count(args.config, args.depth)
    total = rows.pop('')
    table = Table('module', title=f'{args.config}: {text}')
    for title in ('parameters, M', 'multiply-adds, G', 'share, %'):
        table.add_column(title, justify='right')
    for name, (parameters, work) in [*rows.items(), ('all', total)]:
        table.add_row(
            name,
            f'{parameters / 1e6:.3f}',
            f'{work / 1e9:.3f}',
            f'{100 * work / max(total[1], 1):.1f}',
        )
    Console().print(table)


if __name__ == '__main__':
    run_tool(main)
