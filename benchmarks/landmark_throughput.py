# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training throughput against mmpose's own DeepFashion2 config.

Both sides have the same network (ResNet-50, 256 x 192, 294 maps) and read the
same garments, alternating in one process: mmpose's dataset, pipeline and
model of its ``td-hm_res50_*_deepfasion2-*`` configs, and ours, which makes,
copies and compares only the targets of each item's category. Times are the
best of all rounds.

    python benchmarks/landmark_throughput.py --batch-size 8 --rounds 5
"""

import argparse
import time
from pathlib import Path

import mmpose
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope
from rich.console import Console
from rich.table import Table

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool

THEIRS = (
    'fashion_2d_keypoint/topdown_heatmap/deepfashion2/'
    'td-hm_res50_1xb64-210e_deepfasion2-skirt-256x192.py'
)
OURS = 'td-hm_res50_8xb64-210e_deepfashion2-256x192'
PHASES = ('data', 'step', 'both')


class Side:
    """One side of the comparison: its pipeline, model and best times.

    Args:
        config (str | Path): Config file.
        data (Path): Folder of a converted DeepFashion2.
        device (str): Where the model trains.
    """

    def __init__(self, config: str | Path, data: Path, device: str) -> None:
        cfg = Config.fromfile(config, import_custom_modules=False)
        cfg.model.backbone.init_cfg = None
        init_default_scope('mmpose')
        torch.manual_seed(0)
        self.model = MODELS.build(cfg.model).to(device).train()
        self.data = DATASETS.build(
            dict(
                type=cfg.train_dataloader.dataset.type,
                ann_file=str(data / 'annotations' / 'train.json'),
                data_prefix={'img': str(data / 'train' / 'image')},
                pipeline=cfg.train_dataloader.dataset.pipeline,
            )
        )
        optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        self.optim_wrapper = OptimWrapper(optimizer)
        self.device = device
        self.best = dict.fromkeys(PHASES, float('inf'))

    def round(self, indices: list[int]) -> None:
        """Load a batch and run one training step."""
        start = time.perf_counter()
        batch = pseudo_collate([self.data[i] for i in indices])
        loaded = time.perf_counter()
        self.model.train_step(batch, self.optim_wrapper)
        if self.device != 'cpu':
            torch.cuda.synchronize()
        done = time.perf_counter()
        for phase, seconds in zip(
            PHASES, (loaded - start, done - loaded, done - start), strict=True
        ):
            self.best[phase] = min(self.best[phase], seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--data', type=Path, default=Path('data/synthetic_deepfashion2')
    )
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    ann_file = args.data / 'annotations' / 'train.json'
    if not ann_file.is_file():
        raise UserError(
            f'{ann_file} does not exist; `make demo` writes it, or name '
            'another dataset with --data'
        )
    theirs = Path(mmpose.__file__).parent / '.mim' / 'configs' / THEIRS
    sides = {
        'mmpose': Side(theirs, args.data, args.device),
        'ours': Side(config_path(OURS), args.data, args.device),
    }
    for number in range(args.rounds + 1):
        first = number * args.batch_size
        for side in sides.values():
            size = len(side.data)
            side.round([(first + i) % size for i in range(args.batch_size)])
            if number == 0:  # warming up
                side.best = dict.fromkeys(PHASES, float('inf'))
    table = Table('items a second', *PHASES)
    for name, side in sides.items():
        rates = [args.batch_size / side.best[phase] for phase in PHASES]
        table.add_row(name, *(f'{rate:.2f}' for rate in rates))
    ratios = [
        sides['mmpose'].best[phase] / sides['ours'].best[phase]
        for phase in PHASES
    ]
    table.add_row('ratio', *(f'{ratio:.2f}' for ratio in ratios))
    Console().print(table)


if __name__ == '__main__':
    run_tool(main)
