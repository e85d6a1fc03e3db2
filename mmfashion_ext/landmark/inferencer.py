# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmarks of the clothes in a picture, a list, a folder or a video."""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmpose.apis import Pose2DInferencer
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample, merge_data_samples
from rich.progress import track
from torch import nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CLASS_NAMES, NUM_LANDMARKS
from ..hub import config_path, get_model
from ..utils.files import write_json
from .garment_detector import GarmentDetector
from .inputs import (
    VideoWriter,
    find_pictures,
    kind,
    open_video,
    output_stem,
    read_picture,
    write_picture,
)
from .predictions import as_dicts, assign_category


class Picture(NamedTuple):
    """A picture on its way through the network.

    Attributes:
        path (str): Its file; made up for an array or a frame.
        stem (str): What its results are called, without an ending.
        image (np.ndarray): (h, w, 3) BGR uint8.
        num_items (int): Its items.
    """

    path: str
    stem: str
    image: np.ndarray
    num_items: int


class Batches(NamedTuple):
    """The items of some pictures, as the network takes them.

    Attributes:
        batches (list[dict]): Collated, in the order of the pictures.
        pictures (list[Picture]): Where they are from.
    """

    batches: list[dict]
    pictures: list[Picture]


class LandmarkInferencer(Pose2DInferencer):
    """Find the landmarks of clothes, in the boxes of a detector.

    A call is a generator, as in all of mmpose: a picture is looked at when
    its result is asked for, so a video of any length fits into memory.

    Examples:
        >>> infer = LandmarkInferencer(
        ...     'td-hm-udp_hrnet-w32_8xb64-210e_deepfashion2-256x192',
        ...     weights='epoch_210.pth',
        ...     det_model='match-rcnn_r50_fpn_8xb2-1x_deepfashion2',
        ...     det_weights='epoch_12.pth')
        >>> for result in infer('pictures/', out_dir='out'):
        ...     for item in result['predictions'][0]:
        ...         print(item['category'], item['keypoints'])

    Args:
        model (str): Name of a model, or path of a config file.
        weights (str or Path, optional): Checkpoint file or URL; read as
            data, never unpickled. None: random weights, to try things out.
        device (str, optional): None: CUDA where there is one.
        det_model (str, optional): Detector: name of a model of this zoo or
            of mmdet, or path of a config file. Its labels are the items'
            categories if all of their names are DeepFashion2's. None: each
            picture is one item, whose category is guessed.
        det_weights (str or Path, optional): As ``weights``. None: those that
            mmdet publishes for a model of its own, else random ones.
        det_cat_ids (int | Sequence[int], optional): Labels of the detector
            that are clothes. None: all.
        show_progress (bool): Show a progress bar over the pictures.

    Attributes:
        skipped (list[str]): Unreadable pictures of the last folder.

    Raises:
        UserError: An unknown model, or weights of another one.
    """

    preprocess_kwargs = {'bbox_thr', 'nms_thr'}
    forward_kwargs = set()
    postprocess_kwargs = {'pred_out_dir'}

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        det_model: str | None = None,
        det_weights: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        show_progress: bool = False,
    ) -> None:
        super().__init__(
            model=config_path(model),
            weights=weights,
            device=device,
            det_model=det_model,
            det_weights=det_weights,
            det_cat_ids=det_cat_ids,
        )
        self.show_bar = show_progress  # the host's does not know the end
        self.skipped: list[str] = []
        meta = self.model.dataset_meta
        self.names = list(meta['keypoint_id2name'].values())
        self.has_categories = len(self.names) == NUM_LANDMARKS
        # a model that was fine-tuned for some knows these only
        only = meta.get('categories', CLASS_NAMES)
        self.category_ids = [CLASS_NAMES.index(name) + 1 for name in only]

    def _init_model(
        self, cfg: Config, weights: str | Path | None, device: str = 'cpu'
    ) -> nn.Module:
        """Build and load safely; the config's data set names the landmarks."""
        model = get_model(cfg.filename, weights, device=device)
        dataset = {**cfg.test_dataloader.dataset, 'lazy_init': True}
        model.dataset_meta = DATASETS.build(dataset).metainfo
        return model

    def _init_detector(
        self,
        det_model: str | None = None,
        det_weights: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        device: str | None = None,
    ) -> None:
        """Without a name there is none, whatever the host's defaults are."""
        self.detector = det_model and GarmentDetector(
            det_model, det_weights, det_cat_ids, device
        )

    def __call__(
        self,
        inputs: str | Path | np.ndarray | Sequence,
        return_datasamples: bool = False,
        batch_size: int = 8,
        out_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> Iterator[dict]:
        """Find landmarks.

        Args:
            inputs (str | Path | np.ndarray | Sequence): A picture (file, URL
                or array (h, w, 3) BGR uint8), a list of them, a folder of
                pictures, or a video file.
            return_datasamples (bool): Give mmpose's data samples instead of
                dictionaries.
            batch_size (int): Items that go through the network together.
            out_dir (str | Path, optional): Folder to write
                ``visualizations/`` and ``predictions/NAME.json`` to.
            **kwargs: ``bbox_thr`` (lowest score of a detected box) and
                ``nms_thr`` (highest IoU of two boxes of one label), 0.3 each;
                those of mmpose's ``visualize``: ``kpt_thr``, ``draw_bbox``,
                ``return_vis`` ...

        Yields:
            dict: Of one picture: ``predictions``, a list with one entry, the
            list of its items, see ``landmark.items.as_dicts``;
            ``visualization``, a list with the drawn picture (h, w, 3) RGB if
            ``return_vis``, else empty; ``img_paths``, a list with its path.

        Raises:
            UserError: A picture cannot be read. In a folder it is left out,
                and named at the end.
        """
        if batch_size < 1:
            raise UserError(f'batch_size must be 1 or more, got {batch_size}')
        self.skipped, self._taken, self.video_info = [], set(), {}
        try:
            for results in super().__call__(
                inputs, return_datasamples, batch_size, out_dir, **kwargs
            ):
                yield from results
        finally:
            if self.video_info.get('writer') is not None:
                self.video_info['writer'].drop()
        if self.skipped:
            print_log(
                f'{len(self.skipped)} skipped, no readable pictures: '
                f'{", ".join(self.skipped)}',
                logger='current',
                level=logging.WARNING,
            )

    def _inputs_to_list(
        self, inputs: str | Path | np.ndarray | Sequence
    ) -> Sequence:
        """Pictures, or the frames of a video; see :meth:`__call__`."""
        inputs = str(inputs) if isinstance(inputs, Path) else inputs
        self._is_folder = isinstance(inputs, str) and Path(inputs).is_dir()
        self._video_input = isinstance(inputs, str) and kind(inputs) == 'video'
        if self._is_folder:
            self._video_input = False  # whatever it is called
            return find_pictures(inputs)
        if self._video_input:
            video = open_video(inputs)
            self.video_info = {
                'name': output_stem(inputs, set()),
                'fps': video.fps,
                'writer': None,
                'predictions': [],
            }
            return video
        if isinstance(inputs, str | np.ndarray):
            return [inputs]
        return [str(i) if isinstance(i, Path) else i for i in inputs]

    def preprocess(
        self,
        inputs: Sequence,
        batch_size: int = 1,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
    ) -> Iterator[tuple[Batches, list[np.ndarray]]]:
        """Collect the items of some pictures, about one batch of them.

        Args:
            inputs (Sequence): Pictures, or the frames of a video.
            batch_size (int): Items of a batch.
            bbox_thr (float): Lowest score, 0-1, of a detected box.
            nms_thr (float): Highest IoU of two boxes of one label.

        Yields:
            tuple[Batches, list[np.ndarray]]: What :meth:`forward` takes, and
            the pictures, for :meth:`visualize`.
        """
        if self.show_bar:
            inputs = track(inputs, description='Inference')
        pictures: list[Picture] = []
        items: list[dict] = []
        for index, source in enumerate(inputs):
            try:
                image = read_picture(source)
            except UserError:
                if not self._is_folder:
                    raise
                self.skipped.append(source)
                continue
            path = source if isinstance(source, str) else f'{index:06d}.jpg'
            found = self._items(image, path, bbox_thr, nms_thr)
            stem = output_stem(path, self._taken)
            pictures.append(Picture(path, stem, image, len(found)))
            items += found
            if max(len(items), len(pictures)) >= batch_size:
                yield self._batches(pictures, items, batch_size)
                pictures, items = [], []
        if pictures:
            yield self._batches(pictures, items, batch_size)

    def _batches(
        self, pictures: list[Picture], items: list[dict], batch_size: int
    ) -> tuple[Batches, list[np.ndarray]]:
        batches = [
            self.collate_fn(items[start : start + batch_size])
            for start in range(0, len(items), batch_size)
        ]
        return Batches(batches, pictures), [p.image for p in pictures]

    def _items(
        self, image: np.ndarray, path: str, bbox_thr: float, nms_thr: float
    ) -> list[dict]:
        """The items of a picture, each cut out as the network wants it."""
        height, width = image.shape[:2]
        boxes = np.array([[0, 0, width, height]], np.float32)
        scores, ids = np.ones(1, np.float32), np.zeros(1, int)
        if self.detector is not None:
            boxes, scores, ids = self.detector(image, bbox_thr, nms_thr)
        if len(self.category_ids) == 1:
            ids[ids == 0] = self.category_ids[0]
        items = []
        for box, score, category_id in zip(boxes, scores, ids, strict=True):
            if category_id and category_id not in self.category_ids:
                continue
            item = {
                **self.model.dataset_meta,
                'img': image,
                'img_path': path,
                'bbox': box[None],
                'bbox_score': score[None],
            }
            if self.has_categories and category_id:
                item['category_id'] = int(category_id)
            items.append(self.pipeline(item))
        return items

    def forward(self, inputs: Batches) -> list[PoseDataSample]:
        """Run the network.

        Args:
            inputs (Batches): Items, and the pictures they are from.

        Returns:
            list[PoseDataSample]: One for each picture, with all its items.
        """
        items = []
        for batch in inputs.batches:
            items += super().forward(batch, merge_results=False)
        if self.has_categories:
            for item in items:
                assign_category(item)
        remaining, merged = iter(items), []
        for picture in inputs.pictures:
            own = list(islice(remaining, picture.num_items))
            if own:
                sample = merge_data_samples(own)
            else:
                sample = PoseDataSample(pred_instances=InstanceData())
            sample.set_metainfo(
                {'img_path': picture.path, 'output_stem': picture.stem}
            )
            merged.append(sample)
        return merged

    def visualize(
        self,
        inputs: list[np.ndarray],
        preds: list[PoseDataSample],
        return_vis: bool = False,
        vis_out_dir: str = '',
        **kwargs: Any,
    ) -> list[np.ndarray]:
        """Draw with mmpose's visualizer, and write the pictures whole.

        Args:
            inputs (list[np.ndarray]): (h, w, 3) BGR uint8 each.
            preds (list[PoseDataSample]): What was found in them.
            return_vis (bool): Return the drawn pictures.
            vis_out_dir (str): Folder to write them to.
            **kwargs: Those of mmpose's ``visualize``.

        Returns:
            list[np.ndarray]: (h, w, 3) RGB uint8 each; empty if not asked
            for.
        """
        drawn = super().visualize(
            inputs, preds, return_vis or bool(vis_out_dir), **kwargs
        )
        if vis_out_dir:
            for image, sample in zip(drawn, preds, strict=True):
                self._write_drawn(mmcv.rgb2bgr(image), sample, vis_out_dir)
        return drawn if return_vis else []

    def _write_drawn(
        self, image: np.ndarray, sample: PoseDataSample, folder: str
    ) -> None:
        """Write a picture (h, w, 3) BGR uint8, or add it to the video."""
        if not self._video_input:
            suffix = Path(sample.img_path).suffix
            write_picture(Path(folder, sample.output_stem + suffix), image)
            return
        video = self.video_info
        if video['writer'] is None:
            file = Path(folder, f'{video["name"]}.mp4')
            size = image.shape[1], image.shape[0]
            video['writer'] = VideoWriter(file, video['fps'], size)
        video['writer'].write(image)

    def postprocess(
        self,
        preds: list[PoseDataSample],
        visualization: list[np.ndarray],
        return_datasamples: bool = False,
        pred_out_dir: str = '',
    ) -> list[dict]:
        """Name what was found, and write it whole.

        Args:
            preds (list[PoseDataSample]): One of each picture.
            visualization (list[np.ndarray]): The drawn pictures, or nothing.
            return_datasamples (bool): Leave ``preds`` as they are.
            pred_out_dir (str): Folder to write ``NAME.json`` to.

        Returns:
            list[dict]: What a call yields of each picture, items as of
            :func:`~mmfashion_ext.landmark.predictions.as_dicts`.
        """
        results = []
        for index, sample in enumerate(preds):
            items = as_dicts(sample.pred_instances, self.names)
            if pred_out_dir and self._video_input:
                self.video_info['predictions'].append(items)
            elif pred_out_dir:
                file = Path(pred_out_dir, f'{sample.output_stem}.json')
                write_json(file, items)
            results.append(
                {
                    'predictions': [sample if return_datasamples else items],
                    'visualization': visualization[index : index + 1],
                    'img_paths': [sample.img_path],
                }
            )
        return results

    def _finalize_video_processing(self, pred_out_dir: str = '') -> None:
        """Close the drawn video, and write what was found in its frames."""
        video = self.video_info
        if video['writer'] is not None:
            video['writer'].close()
        if pred_out_dir:
            frames = [
                {'frame_id': index, 'instances': items}
                for index, items in enumerate(video['predictions'])
            ]
            write_json(Path(pred_out_dir, f'{video["name"]}.json'), frames)
