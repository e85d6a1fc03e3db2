# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawings of a test: one file for each garment, the same at every run."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.landmark import LandmarkVisualizationHook
from mmfashion_ext.landmark.metainfo import deepfashion2_metainfo


@pytest.fixture
def samples(tmp_path):
    """Two garments of ``a/1.png``, one of ``b/1.png``."""
    made = []
    for folder, item in (('a', 5), ('a', 6), ('b', 5)):
        path = tmp_path / folder / '1.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((32, 24, 3), 99, np.uint8))
        sample = PoseDataSample(metainfo={'img_path': str(path), 'id': item})
        sample.pred_instances = InstanceData(
            bboxes=np.float32([[2, 2, 20, 20]]),
            bbox_scores=np.float32([0.9]),
            keypoints=np.full((1, 294, 2), 9, np.float32),
            keypoint_scores=np.zeros((1, 294), np.float32),
        )
        made.append(sample)
    return made


@pytest.fixture
def runner(samples):
    class Garments:
        def __len__(self):
            return len(samples)

        def get_data_info(self, index):
            return {key: samples[index].get(key) for key in ('img_path', 'id')}

    Visualizer._instance_dict.clear()
    PoseLocalVisualizer.get_instance('drawings')
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    meta = parse_pose_metainfo(deepfashion2_metainfo())
    meta['classes'] = CLASS_NAMES
    yield SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=Garments()),
        test_evaluator=SimpleNamespace(dataset_meta=meta),
        work_dir='work',
    )
    Visualizer._instance_dict.clear()


@pytest.mark.fault(17)
def test_each_garment_has_a_file_of_its_own(samples, runner, tmp_path):
    """The host numbers anew what it finds: twice as many after two tests."""
    out = tmp_path / 'drawn'
    for _ in range(2):
        hook = LandmarkVisualizationHook(enable=True, out_dir=str(out))
        hook.before_test_epoch(runner)
        hook.after_test_iter(runner, 0, {}, samples[::-1])
    names = ['1_0.jpg', '1_1.jpg', '1_2_0.jpg']
    assert sorted(path.name for path in out.iterdir()) == names
    assert cv2.imread(str(out / names[0])).shape == (32, 24, 3)


def test_it_is_off_by_default(samples, runner, tmp_path):
    hook = LandmarkVisualizationHook(out_dir=str(tmp_path / 'drawn'))
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0, {}, samples)
    assert not (tmp_path / 'drawn').exists()
