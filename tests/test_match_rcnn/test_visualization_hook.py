# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawings of a test: one file for each image, whatever its folder."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from PIL import Image

from mmfashion_ext.match_rcnn import (
    ClothesVisualizationHook,
    ClothesVisualizer,
)


@pytest.fixture
def samples(tmp_path):
    """Predictions of the images ``a/1.png`` (dark) and ``b/1.png``."""
    made = []
    for folder, level in (('a', 20), ('b', 200)):
        path = tmp_path / folder / '1.png'
        path.parent.mkdir()
        cv2.imwrite(str(path), np.full((32, 24, 3), level, np.uint8))
        sample = DetDataSample(metainfo={'img_path': str(path)})
        sample.pred_instances = InstanceData(
            bboxes=torch.zeros(0, 4),
            scores=torch.zeros(0),
            labels=torch.zeros(0, dtype=torch.long),
        )
        made.append(sample)
    return made


@pytest.fixture
def runner(samples):
    dataset = [{'img_path': sample.img_path} for sample in samples]

    class Images:
        def __len__(self):
            return len(dataset)

        def get_data_info(self, index):
            return dataset[index]

    Visualizer._instance_dict.clear()
    ClothesVisualizer.get_instance('drawings')
    yield SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=Images()), work_dir='work'
    )
    Visualizer._instance_dict.clear()


@pytest.mark.fault(17)
@pytest.mark.parametrize('first', [0, 1])
def test_images_of_one_name_get_a_file_each(samples, runner, tmp_path, first):
    """The second one overwrote the first one."""
    out = tmp_path / 'new' / 'drawn'
    hook = ClothesVisualizationHook(draw=True, test_out_dir=str(out))
    hook.before_test_epoch(runner)
    order = samples[first:] + samples[:first]
    for number, sample in enumerate(order):
        hook.after_test_iter(runner, number, {}, [sample])
    assert sorted(path.name for path in out.iterdir()) == ['1.jpg', '1_2.jpg']
    levels = [cv2.imread(str(out / f'{n}.jpg')).mean() for n in ('1', '1_2')]
    np.testing.assert_allclose(levels, [20, 200], atol=3)


def test_it_is_off_by_default(samples, runner, tmp_path):
    hook = ClothesVisualizationHook(test_out_dir=str(tmp_path / 'drawn'))
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0, {}, samples)
    assert not (tmp_path / 'drawn').exists()


@pytest.mark.fault(7)
@pytest.mark.parametrize('loaded', ['stored', 'rotated'])
def test_drawings_have_the_orientation_of_the_loaded_image(
    samples, runner, tmp_path, loaded
):
    """Boxes of a test are in the pixels that the pipeline loaded."""
    path = tmp_path / 'a' / 'turned.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (24, 32), 'red').save(path, exif=exif)
    size = (32, 24) if loaded == 'stored' else (24, 32)
    samples[0].set_metainfo({'img_path': str(path), 'ori_shape': size})
    runner.test_dataloader.dataset.get_data_info = lambda index: {
        'img_path': samples[index].img_path
    }
    hook = ClothesVisualizationHook(draw=True, test_out_dir=str(tmp_path))
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0, {}, samples[:1])
    drawn = cv2.imread(str(tmp_path / 'turned.jpg'))
    assert drawn.shape[:2] == (size[0], 2 * size[1])  # truth, prediction
    assert drawn[5, 5, 2] > 200 > 50 > drawn[5, 5, 0]
