# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Hook that draws the predictions of a test, a file for each image."""

from collections.abc import Sequence
from pathlib import Path

from mmdet.engine.hooks import DetVisualizationHook
from mmdet.structures import DetDataSample
from mmengine.fileio import get
from mmengine.runner import Runner

from ..registry import HOOKS
from ..utils.drawn_names import DrawnNames
from ..utils.files import make_folder
from ..utils.images import read_as_loaded


@HOOKS.register_module()
class ClothesVisualizationHook(DetVisualizationHook):
    """Hook of mmdet with a file of its own for each image.

    What is drawn is (h, w, 3) uint8 RGB, of the original image's size.
    The host names files by the last part of an image's path, so that of two
    images of one name in two folders one drawing is lost. Arguments and the
    drawing of validations are the host's; ``test_out_dir`` is used as it is,
    relative to the current folder.
    """

    _names: DrawnNames | None = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Name the images of the test."""
        if self.draw and self.test_out_dir is not None:
            self._names = DrawnNames(runner.test_dataloader.dataset)
            make_folder(self.test_out_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[DetDataSample],
    ) -> None:
        """Draw a batch: images (h, w, 3), boxes in px of the image files."""
        if not self.draw or self.test_out_dir is None or self._names is None:
            super().after_test_iter(runner, batch_idx, data_batch, outputs)
            return
        for data_sample in outputs:
            self._test_index += 1
            path = data_sample.img_path
            image = read_as_loaded(
                get(path, backend_args=self.backend_args),
                data_sample.get('ori_shape'),
            )
            name = f'{self._names.stem(path)}.jpg'
            self._visualizer.add_datasample(
                name if self.show else 'test_img',
                image[..., ::-1],
                data_sample=data_sample,
                show=self.show,
                wait_time=self.wait_time,
                pred_score_thr=self.score_thr,
                out_file=str(Path(self.test_out_dir, name)),
                step=self._test_index,
            )
