# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Hook that draws the landmarks of a test, a file for each garment."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.fileio import get
from mmengine.runner import Runner
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.structures import PoseDataSample, merge_data_samples

from ..registry import HOOKS
from ..utils.drawn_names import DrawnNames
from ..utils.files import make_folder
from ..utils.images import read_as_loaded


@HOOKS.register_module()
class LandmarkVisualizationHook(PoseVisualizationHook):
    """Hook of mmpose with a file of its own for each garment.

    The host numbers files by what it finds in the folder: a second test adds
    to the drawings of the first one, and two processes overwrite each other's.
    Here garment 0, 1 ... of an image is drawn as ``STEM_0.jpg``,
    ``STEM_1.jpg``. Arguments and the drawing of validations are the host's;
    ``out_dir`` is used as it is, relative to the current folder.
    """

    _names: DrawnNames | None = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Name the garments of the test."""
        if self.enable and self.out_dir is not None:
            self._names = DrawnNames(runner.test_dataloader.dataset)
            make_folder(self.out_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[PoseDataSample],
    ) -> None:
        """Draw a batch: images (h, w, 3), landmarks in px of the files."""
        if not self.enable or self.out_dir is None or self._names is None:
            super().after_test_iter(runner, batch_idx, data_batch, outputs)
            return
        self._visualizer.set_dataset_meta(runner.test_evaluator.dataset_meta)
        for data_sample in outputs:
            self._test_index += 1
            path = data_sample.get('img_path')
            image = read_as_loaded(
                get(path, backend_args=self.backend_args),
                data_sample.get('ori_shape'),
            )
            name = self._names.item_stem(path, data_sample.get('id'))
            self._visualizer.add_datasample(
                name if self.show else 'test_img',
                image[..., ::-1],
                data_sample=merge_data_samples([data_sample]),
                draw_gt=False,
                draw_bbox=True,
                draw_heatmap=True,
                show=self.show,
                wait_time=self.wait_time,
                kpt_thr=self.kpt_thr,
                out_file=str(Path(self.out_dir, f'{name}.jpg')),
                step=self._test_index,
            )
