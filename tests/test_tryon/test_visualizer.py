# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The strip of the published test program, and the hook that writes it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmfashion_ext.tryon.data_preprocessor import TryOnDataPreprocessor
from mmfashion_ext.tryon.metric import TryOnMetric
from mmfashion_ext.tryon.structures import TryOnDataSample
from mmfashion_ext.tryon.visualizer import (
    PairNames,
    TryOnVisualizationHook,
    TryOnVisualizer,
    draw_strip,
    pair_name,
    to_uint8,
)


def make_sample(number=0, size=(256, 192)):
    draw = torch.Generator().manual_seed(number)
    sample = TryOnDataSample(
        metainfo=dict(
            person_name=f'{number:06}_0.jpg',
            cloth_name='000009_1.jpg',
            ori_shape=size,
        )
    )
    # smooth, so that JPEG keeps it
    base = torch.rand(3, 3, 3, generator=draw)
    for i, name in enumerate(('person', 'cloth', 'try_on', 'warped_cloth')):
        image = torch.nn.functional.interpolate(
            base.roll(i, 0)[None], size, mode='bilinear'
        )[0]
        sample.set_data({name: image * 2 - 1})
    sample.warped_mask = torch.zeros(1, *size)
    sample.warped_mask[:, : size[0] // 2] = 1
    return sample


class TestTruncation:
    def test_grey_levels_of_an_image_that_went_through(self):
        """1 ... 63 come out one lower, the others as they were."""
        levels = torch.arange(256, dtype=torch.uint8)
        image = levels.expand(3, 1, -1)
        data = TryOnDataPreprocessor()(dict(inputs=dict(person=[image])))
        out = to_uint8(data['inputs']['person'][0])[0, :256, 0].astype(int)
        np.testing.assert_array_equal(
            out, [v - 1 if 1 <= v <= 63 else v for v in range(256)]
        )

    def test_it_is_floor(self):
        wanted = np.array([0, 127, 254, 255])
        values = torch.tensor([-1, 0, 0.9999, 1.0]).expand(3, 1, 4)
        np.testing.assert_array_equal(to_uint8(values)[0, :, 1], wanted)

    def test_range_and_precision(self):
        values = torch.tensor([-1.5, 1.5], dtype=torch.bfloat16)
        out = to_uint8(values.expand(3, 1, 2))
        assert out.tolist() == [[[0] * 3, [255] * 3]]


def test_layout():
    sample = make_sample()
    drawn = TryOnVisualizer().strip(sample)
    assert drawn.shape == (256, 576, 3)
    assert drawn.dtype == np.uint8
    for i, name in enumerate(('person', 'cloth', 'try_on')):
        panel = drawn[:, 192 * i : 192 * (i + 1)]
        np.testing.assert_array_equal(panel, to_uint8(sample.get(name)))
    np.testing.assert_array_equal(
        drawn, draw_strip([sample.person, sample.cloth, sample.try_on])
    )


def test_more_panels():
    panels = ('person', 'warped_cloth', 'warped_mask', 'person_cloth_mask')
    drawn = TryOnVisualizer(panels=panels).strip(make_sample())
    assert drawn.shape == (256, 576, 3)  # the last is not known
    mask = drawn[:, 384:]
    assert (mask[:128] == 255).all()
    assert (mask[128:] == 0).all()
    with pytest.raises(ValueError, match=r'panels must be among.*got pose'):
        TryOnVisualizer(panels=('person', 'pose'))


def test_levels_of_a_red_image():
    red = torch.tensor([1.0, -1, -1])[:, None, None].expand(3, 4, 5)
    assert (to_uint8(red) == [255, 0, 0]).all()


def test_a_strip_is_written_as_it_is_drawn(tmp_path):
    """RGB inside, BGR for the writer; in a folder that is made."""
    sample = make_sample()
    out = tmp_path / 'new' / 'strip.png'
    TryOnVisualizer().add_datasample(
        'strip', data_sample=sample, out_file=str(out)
    )
    written = cv2.imread(str(out))[..., ::-1]
    np.testing.assert_array_equal(written, TryOnVisualizer().strip(sample))


def test_pair_name():
    name = pair_name('000066_0.jpg', '017575_1.jpg')
    assert name == '000066_0__017575_1'


def test_backends_get_the_strip():
    got = []
    visualizer = TryOnVisualizer()
    visualizer._vis_backends['fake'] = SimpleNamespace(
        add_image=lambda *arguments: got.append(arguments), close=lambda: None
    )
    visualizer.add_datasample('a', data_sample=make_sample(), step=7)
    ((name, image, step),) = got
    assert (name, image.shape, step) == ('a', (256, 576, 3), 7)


class Pairs(Dataset):
    metainfo = {}

    def __len__(self):
        return 5

    def __getitem__(self, index):
        sample = make_sample(index, (32, 24))
        return dict(inputs=torch.zeros(1), data_samples=sample)


class Model(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        return data_samples


def run_test(tmp_path, **hook):
    loader = dict(
        batch_size=2,
        dataset=Pairs(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
    )
    # as objects: a type's name makes the registry import every host
    return Runner(
        Model(),
        str(tmp_path / 'work'),
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=Evaluator([TryOnMetric()]),
        visualizer=TryOnVisualizer(),
        custom_hooks=[TryOnVisualizationHook(**hook)],
        experiment_name=tmp_path.name,
    ).test()


def test_hook_in_a_runner(tmp_path):
    """What tools/test.py --show-dir sets."""
    out = tmp_path / 'out'
    metrics = run_test(tmp_path, enable=True, out_dir=str(out), interval=2)
    assert set(metrics) == {'SSIM', 'L1'}
    names = [f'{i:06}_0__000009_1.jpg' for i in (0, 2, 4)]
    assert sorted(path.name for path in out.iterdir()) == names
    for i, name in zip((0, 2, 4), names, strict=True):
        written = cv2.imread(str(out / name))[..., ::-1].astype(int)
        wanted = TryOnVisualizer().strip(make_sample(i, (32, 24)))
        assert written.shape == (32, 72, 3)
        assert np.abs(written - wanted).mean() < 3  # grey levels, JPEG


@pytest.mark.fault(17)
def test_pairs_of_one_name_have_files_of_their_own(tmp_path):
    """a__b of c, and a of b__c; of two images that end in .jpg and .png."""
    written = []
    runner = SimpleNamespace(
        iter=0,
        visualizer=SimpleNamespace(
            add_datasample=lambda name, **kwargs: written.append(
                kwargs['out_file']
            )
        ),
    )
    hook = TryOnVisualizationHook(enable=True, out_dir='out')
    for _ in range(2):  # the same at each test
        written.clear()
        hook.before_test_epoch(runner)
        for pair in (
            ('a.jpg', 'b.jpg'),
            ('a.png', 'b.jpg'),
            ('a__b.jpg', 'c.jpg'),
            ('a.jpg', 'b__c.jpg'),
        ):
            sample = make_sample(0, (32, 24))
            sample.set_metainfo(dict(person_name=pair[0], cloth_name=pair[1]))
            hook.after_test_iter(runner, 0, None, [sample])
        assert written == [
            f'out/{name}.jpg'
            for name in ('a__b', 'a__b_2', 'a__b__c', 'a__b__c_2')
        ]


@pytest.mark.fault(17)
def test_names_follow_the_dataset_in_every_process():
    """A process that sees the second pair only names it as all others do."""
    pairs = [('a.jpg', 'b__c.jpg'), ('a__b.jpg', 'c.jpg'), ('x.jpg', 'y.jpg')]
    dataset = SimpleDataset(pairs)
    for order in ((0, 1, 2), (2, 1), (1, 0)):
        names = PairNames(dataset)
        assert [names(*pairs[n]) for n in order] == [
            ('a__b__c', 'a__b__c_2', 'x__y')[n] for n in order
        ]
    assert names(*pairs[1]) == 'a__b__c_3', 'once more: a file of its own'
    dataset.unpaired = 'random'  # whose items are not looked at
    assert PairNames(dataset)(*pairs[1]) == 'a__b__c'


class SimpleDataset(list):
    def get_data_info(self, index):
        person, cloth = self[index]
        return {'person_name': person, 'cloth_name': cloth}


def test_hook_is_off_by_default(tmp_path):
    run_test(tmp_path, out_dir=str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_hook_draws_in_validation():
    drawn = []
    runner = SimpleNamespace(
        iter=3,
        visualizer=SimpleNamespace(
            add_datasample=lambda name, **kwargs: drawn.append((name, kwargs))
        ),
    )
    hook = TryOnVisualizationHook(enable=True, interval=3, out_dir='unused')
    for _ in range(2):  # epochs
        hook.before_val_epoch(runner)
        for number in range(2):
            samples = [make_sample(2 * number + i, (32, 24)) for i in (0, 1)]
            hook.after_val_iter(runner, number, None, samples)
    names = [name for name, _ in drawn]
    assert names == ['000000_0__000009_1', '000003_0__000009_1'] * 2
    assert {k['out_file'] for _, k in drawn} == {None}
    assert {k['step'] for _, k in drawn} == {3}
