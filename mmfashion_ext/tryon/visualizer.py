# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw try-on images as strips: person | masked garment | try-on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import Tensor

from ..registry import HOOKS, VISUALIZERS
from ..utils.image_inputs import UniqueNames
from ..utils.images import write_image
from .inference.results import to_levels
from .structures import TryOnDataSample

#: Fields of :class:`TryOnDataSample` that a strip may show: images (3, h, w)
#: in [-1, 1] and masks (1, h, w) in 0-1.
IMAGE_FIELDS = ('person', 'cloth', 'try_on', 'warped_cloth')
MASK_FIELDS = ('cloth_mask', 'warped_mask', 'person_cloth_mask')
#: The strip that the published test program writes.
DEFAULT_PANELS = ('person', 'cloth', 'try_on')


def to_uint8(image: Tensor, rounded: bool = False) -> np.ndarray:
    """Convert an image of the model to 8 bits.

    Args:
        image (Tensor): (3, h, w), RGB in [-1, 1].
        rounded (bool): See :func:`.inference.results.to_levels`.

    Returns:
        np.ndarray: (h, w, 3) uint8 RGB.
    """
    return to_levels(image.detach().float().cpu().numpy(), rounded)


def draw_strip(images: Sequence[Tensor]) -> np.ndarray:
    """Draw images of one size side by side, without gaps.

    Args:
        images (Sequence[Tensor]): n of (3, h, w), RGB in [-1, 1].

    Returns:
        np.ndarray: (h, n * w, 3) uint8 RGB.
    """
    return np.hstack([to_uint8(image) for image in images])


@VISUALIZERS.register_module()
class TryOnVisualizer(Visualizer):
    """Visualizer of strips: person | masked garment | try-on.

    Three images of 256 x 192 px make a strip of 256 x 576 px (h x w).

    Args:
        name (str): Name of the instance.
        panels (Sequence[str]): Fields (C, h, w) shown side by side, out of
            ``IMAGE_FIELDS`` and ``MASK_FIELDS``. Fields that a sample lacks
            are skipped.
        **kwargs: ``vis_backends`` and ``save_dir`` of MMEngine's.

    Raises:
        ValueError: A panel is not a field that can be drawn.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        panels: Sequence[str] = DEFAULT_PANELS,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        known = IMAGE_FIELDS + MASK_FIELDS
        if unknown := [panel for panel in panels if panel not in known]:
            raise ValueError(
                f'panels must be among {", ".join(known)}, got '
                f'{", ".join(map(str, unknown))}'
            )
        self.panels = tuple(panels)

    def strip(self, data_sample: TryOnDataSample) -> np.ndarray:
        """Draw the panels of a sample.

        Args:
            data_sample (TryOnDataSample): With fields (C, h, w) of one size.

        Returns:
            np.ndarray: (h, n * w, 3) uint8 RGB; masks in black and white.
        """
        shown = [name for name in self.panels if name in data_sample]
        return draw_strip(
            [
                # a mask in 0-1 becomes an image in [-1, 1]
                data_sample.get(name).expand(3, -1, -1) * 2 - 1
                if name in MASK_FIELDS
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
        """Draw the strip of a sample for the backends, or into a file.

        Args:
            name (str): Name of the strip.
            image (np.ndarray, optional): Not used, a sample has its own.
            data_sample (TryOnDataSample): With predictions, (C, h, w) each.
            draw_gt (bool): Not used.
            draw_pred (bool): Not used.
            show (bool): Show the strip in a window.
            wait_time (float): Seconds that the window stays; 0: until a key
                is pressed.
            step (int): Iteration of the training.
            out_file (str, optional): Write the strip to this file instead of
                giving it to the backends.
        """
        if data_sample is None:
            raise ValueError('data_sample: expected a TryOnDataSample')
        drawn = self.strip(data_sample)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_image(out_file, drawn[..., ::-1])
        else:
            self.add_image(name, drawn, step)


@HOOKS.register_module()
class TryOnVisualizationHook(Hook):
    """Hook that draws the predictions of validation and test as strips.

    A strip, (h, n * w, 3), is drawn by :class:`TryOnVisualizer` and named
    ``{person}__{cloth}.jpg`` after its images; another pair of that name is
    ``{person}__{cloth}_2.jpg``, in the order of the dataset. Put the hook into
    ``default_hooks`` as ``visualization``; ``tools/test.py --show-dir DIR``
    enables it.

    Args:
        enable (bool): Whether to draw.
        interval (int): Draw every n-th sample of this process.
        out_dir (str, optional): Folder for the strips of a test. If it is
            None, and in validation, the visualizer's backends get them.
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
        self._start()

    def _start(self, dataset: object = None) -> None:
        self._seen = 0
        self._names = PairNames(dataset)

    def before_val_epoch(self, runner: Runner) -> None:
        """Count samples from 0, so that each epoch draws the same ones."""
        self._start(_dataset_of(runner, 'val_dataloader'))

    def before_test_epoch(self, runner: Runner) -> None:
        """Count samples from 0."""
        self._start(_dataset_of(runner, 'test_dataloader'))

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[TryOnDataSample] | None = None,
    ) -> None:
        """Draw strips for the visualizer's backends."""
        self._draw(runner, outputs, None)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[TryOnDataSample] | None = None,
    ) -> None:
        """Draw strips into ``out_dir``."""
        self._draw(runner, outputs, self.out_dir)

    def _draw(
        self,
        runner: Runner,
        samples: Sequence[TryOnDataSample] | None,
        folder: str | None,
    ) -> None:
        for sample in (samples or ()) if self.enable else ():
            if self._seen % self.interval == 0:
                name = self._names(sample.person_name, sample.cloth_name)
                runner.visualizer.add_datasample(
                    name,
                    data_sample=sample,
                    step=runner.iter,
                    out_file=folder and str(Path(folder, f'{name}.jpg')),
                )
            self._seen += 1


def pair_name(person_name: str, cloth_name: str) -> str:
    """Return ``000066_0__017575_1`` of ``000066_0.jpg, 017575_1.jpg``."""
    return f'{Path(person_name).stem}__{Path(cloth_name).stem}'


class PairNames:
    """Names of drawn pairs, the same in every process and at every run.

    Args:
        dataset (object, optional): With ``person_name`` and ``cloth_name`` in
            its items, which get their names in its order. Pairs that it does
            not hold get theirs when they come.
    """

    def __init__(self, dataset: object = None) -> None:
        self._unique = UniqueNames()
        self._free: dict[tuple[str, str], str] = {}
        for pair in _pairs_of(dataset):
            if pair not in self._free:
                self._free[pair] = self._unique(pair_name(*pair))

    def __call__(self, person_name: str, cloth_name: str) -> str:
        """Return the name of a pair; a new one each time."""
        name = self._free.pop((person_name, cloth_name), None)
        return name or self._unique(pair_name(person_name, cloth_name))


def _dataset_of(runner: Runner, loader: str) -> object:
    return getattr(getattr(runner, loader, None), 'dataset', None)


def _pairs_of(dataset: Any) -> Iterator[tuple[str, str]]:
    """Yield the file names of person and cloth of each item, if known."""
    # an unpaired cloth would be drawn anew at each look
    if not hasattr(dataset, 'get_data_info') or getattr(
        dataset, 'unpaired', None
    ):
        return
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if 'person_name' in info and 'cloth_name' in info:
            yield info['person_name'], info['cloth_name']
