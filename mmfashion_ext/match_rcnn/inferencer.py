# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothes in one image, a list of them or a folder, in three lines."""

from pathlib import Path

from mmdet.apis import DetInferencer
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.dataset import Compose
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import nn

from ..formats.deepfashion2.constants import CATEGORIES
from ..hub import config_path
from ..utils.checkpoint import assert_safe, local_checkpoint
from ..utils.files import write_json
from .dataset import DeepFashion2Dataset


class ClothesInferencer(DetInferencer):
    """Find clothes with their boxes, masks and landmarks.

    Examples:
        >>> infer = ClothesInferencer('match-rcnn_r50_fpn_8xb2-1x_'
        ...                           'deepfashion2', weights='epoch_12.pth')
        >>> found = infer('street.jpg', out_dir='out')['predictions'][0]
        >>> found['categories'], found['bboxes'][0], found['keypoints'][0]

    Args:
        model (str): Name of a model, or path of a config file.
        weights (str or Path, optional): Checkpoint file or URL; read as
            data, never unpickled. None: random weights, to try things out.
        device (str, optional): None: CUDA where there is one.
        show_progress (bool): Show a progress bar over the images.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        show_progress: bool = False,
    ) -> None:
        if weights is not None:
            weights = str(local_checkpoint(weights))
            assert_safe(weights)
        super().__init__(
            model=config_path(model),
            weights=weights,
            device=device,
            show_progress=show_progress,
        )

    def _load_weights_to_model(
        self,
        model: nn.Module,
        checkpoint: dict | None,
        cfg: ConfigDict | None,
    ) -> None:
        """Load weights; the categories are always DeepFashion2's 13."""
        if checkpoint is not None:
            _load_checkpoint_to_model(model, checkpoint)
        model.dataset_meta = dict(DeepFashion2Dataset.METAINFO)

    def _init_pipeline(self, cfg: ConfigDict) -> Compose:
        """The test pipeline without loading ground truth."""
        dataset = cfg.test_dataloader.dataset
        dataset.pipeline = [
            transform
            for transform in dataset.pipeline
            if transform.type != 'mmfashion_ext.LoadClothes'
        ]
        return super()._init_pipeline(cfg)

    def pred2dict(
        self, data_sample: DetDataSample, pred_out_dir: str = ''
    ) -> dict:
        """One image's items, best first, as plain values.

        Args:
            data_sample (DetDataSample): Prediction of the model.
            pred_out_dir (str): Folder to write ``preds/NAME.json`` to.

        Returns:
            dict: One list entry per item: ``labels`` 0..12, ``categories``
            (names), ``scores`` 0-1, ``bboxes`` xyxy px, ``masks`` COCO RLE,
            ``keypoints``: [x px, y px, score 0-1] of each landmark of the
            item's category, in the official order.
        """
        result = super().pred2dict(data_sample)
        result['categories'] = [CATEGORIES[i].name for i in result['labels']]
        instances = data_sample.pred_instances
        if 'keypoints' in instances:
            result['keypoints'] = [
                [
                    [*point, score]
                    for point, score in zip(
                        points[in_class].tolist(),
                        scores[in_class].tolist(),
                        strict=True,
                    )
                ]
                for points, scores, in_class in zip(
                    instances.keypoints,
                    instances.keypoint_scores,
                    instances.keypoints_in_class,
                    strict=True,
                )
            ]
        if pred_out_dir:
            name = Path(data_sample.get('img_path') or '').stem
            if not name:  # an array has no name
                name = str(self.num_predicted_imgs)
                self.num_predicted_imgs += 1
            write_json(Path(pred_out_dir) / 'preds' / f'{name}.json', result)
        return result
