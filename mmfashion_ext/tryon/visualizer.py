# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on pictures as strips: person | cloth | the person in the cloth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import Tensor

from ..registry import HOOKS, VISUALIZERS
from ..utils.files import atomic_write
from .structures import TryOnDataSample

#: What a strip may consist of: fields of :class:`TryOnDataSample`.
PICTURES = ('person', 'cloth', 'try_on', 'warped_cloth')
MASKS = ('cloth_mask', 'warped_mask', 'person_cloth_mask')
#: The strip that the published test program writes.
PANELS = ('person', 'cloth', 'try_on')


def to_uint8(picture: Tensor) -> np.ndarray:
    """A picture of the model as one to look at.

    Values are truncated, not rounded, as in the published pictures: the grey
    levels 1 ... 63 of a picture that went through the model's normalisation
    come out one lower.

    Args:
        picture (Tensor): (3, h, w), RGB in [-1, 1].

    Returns:
        np.ndarray: (h, w, 3) uint8 RGB, floor((x + 1) / 2 * 255).
    """
    unit = (picture.detach().float().clamp(-1, 1) + 1) / 2
    return (unit * 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def strip(pictures: Sequence[Tensor]) -> np.ndarray:
    """Pictures of one size side by side, without gaps.

    Args:
        pictures (Sequence[Tensor]): n of (3, h, w), RGB in [-1, 1].

    Returns:
        np.ndarray: (h, n * w, 3) uint8 RGB.
    """
    return np.hstack([to_uint8(picture) for picture in pictures])


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture whole or not at all; its ending chooses the format.

    Args:
        path (str | Path): Its folder is made if missing.
        picture (np.ndarray): (h, w, 3) uint8 RGB. JPEG of quality 95.
    """
    _, packed = cv2.imencode(Path(path).suffix, picture[..., ::-1])
    with atomic_write(path) as temporary:
        temporary.write_bytes(packed)


@VISUALIZERS.register_module()
class TryOnVisualizer(Visualizer):
    """Draws person | masked cloth | try-on, 256 x 576 px from 256 x 192.

    Args:
        name (str): Name of the instance.
        panels (Sequence[str]): What stands side by side, out of ``PICTURES``
            and ``MASKS``. Those that a sample does not have are left out.
        **kwargs: ``vis_backends`` and ``save_dir`` of MMEngine's.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        panels: Sequence[str] = PANELS,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        known = PICTURES + MASKS
        if unknown := [panel for panel in panels if panel not in known]:
            raise ValueError(
                f'panels must be among {", ".join(known)}, got '
                f'{", ".join(map(str, unknown))}'
            )
        self.panels = tuple(panels)

    def strip(self, data_sample: TryOnDataSample) -> np.ndarray:
        """The panels of a sample, (h, n * w, 3) uint8 RGB."""
        shown = [name for name in self.panels if name in data_sample]
        return strip(
            [
                # black and white
                data_sample.get(name).expand(3, -1, -1) * 2 - 1
                if name in MASKS
                else data_sample.get(name)
                for name in shown
            ]
        )

    def add_datasample(
        self,
        name: str,
        image: np.ndarray | None = None,
        data_sample: TryOnDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        step: int = 0,
        out_file: str | None = None,
    ) -> None:
        """Draw a sample and hand it to the backends, or write it.

        Args:
            name (str): Of the picture.
            image (np.ndarray, optional): Not used, a sample has its own.
            data_sample (TryOnDataSample): With predictions.
            draw_gt (bool): Not used.
            draw_pred (bool): Not used.
            show (bool): Open a window.
            wait_time (float): Seconds that it stays; 0: until a key.
            step (int): Of the training.
            out_file (str, optional): Write the strip here instead of handing
                it to the backends.
        """
        drawn = self.strip(data_sample)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_picture(out_file, drawn)
        else:
            self.add_image(name, drawn, step)


@HOOKS.register_module()
class TryOnVisualizationHook(Hook):
    """Draws what is predicted in validation and test.

    Put it into ``default_hooks`` as ``visualization``: ``tools/test.py
    --show-dir DIR`` switches it on. A strip is named
    ``{person}__{cloth}.jpg`` after its pictures.

    Args:
        enable (bool): Whether to draw.
        interval (int): Draw every n-th sample of this process.
        out_dir (str, optional): Write the strips of a test here. Otherwise,
            and in validation, the visualizer's backends get them.
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 1,
        out_dir: str | None = None,
    ) -> None:
        self.enable = enable
        self.interval = interval
        self.out_dir = out_dir
        self._seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Count from 0, so that each epoch draws the same samples."""
        self._seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Count from 0."""
        self._seen = 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[TryOnDataSample] | None = None,
    ) -> None:
        """Draw for the visualizer's backends."""
        self._draw(runner, outputs, None)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[TryOnDataSample] | None = None,
    ) -> None:
        """Draw into ``out_dir``."""
        self._draw(runner, outputs, self.out_dir)

    def _draw(
        self,
        runner: Runner,
        samples: Sequence[TryOnDataSample],
        folder: str | None,
    ) -> None:
        for sample in samples if self.enable else ():
            if self._seen % self.interval == 0:
                name = strip_name(sample.person_name, sample.cloth_name)
                runner.visualizer.add_datasample(
                    name,
                    data_sample=sample,
                    step=runner.iter,
                    out_file=folder and str(Path(folder, f'{name}.jpg')),
                )
            self._seen += 1


def strip_name(person_name: str, cloth_name: str) -> str:
    """``000066_0.jpg, 017575_1.jpg`` -> ``000066_0__017575_1``."""
    return f'{Path(person_name).stem}__{Path(cloth_name).stem}'
