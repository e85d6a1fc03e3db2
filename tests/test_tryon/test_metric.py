# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metrics against independent implementations."""

import csv

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity as skimage_ssim

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.metric import (
    TryOnMetric,
    WarpMetric,
    end_point_error,
    grid_to_px,
    mask_iou,
)
from mmfashion_ext.tryon.structures import TryOnDataSample

NAMES = dict(person_name='a_0.jpg', cloth_name='b_1.jpg')


def evaluate(metric, samples):
    dicts = [
        TryOnDataSample(metainfo=NAMES, **sample).to_dict()
        for sample in samples
    ]
    metric.process(None, dicts)
    return metric.evaluate(len(samples))


def images(count=3, size=(32, 24), dtype=torch.float32):
    """Two smooth images with noise that are alike, in [-1, 1]."""
    draw = torch.Generator().manual_seed(0)
    for i in range(count):
        person = torch.rand(3, *size, generator=draw) * 2 - 1
        person[:, : size[0] // 2] = 0.3  # flat
        noise = torch.randn(person.shape, generator=draw)
        made = (person + 0.1 * (i + 1) * noise).clamp(-1, 1)
        yield dict(person=person.to(dtype), try_on=made.to(dtype))


class TestTryOn:
    def test_equal_to_scikit_image(self):
        samples = list(images())
        metrics = evaluate(TryOnMetric(), samples)
        pairs = [
            [(s[k].double().numpy().transpose(1, 2, 0) + 1) / 2 for k in s]
            for s in samples
        ]
        expected = np.mean(
            [
                skimage_ssim(
                    *pair,
                    data_range=1,
                    channel_axis=2,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                )
                for pair in pairs
            ]
        )
        assert metrics['SSIM'] == pytest.approx(expected, abs=1e-9)
        l1 = np.mean([np.abs(a - b).mean() for a, b in pairs])
        assert metrics['L1'] == pytest.approx(l1, abs=1e-6)
        assert 0.1 < metrics['SSIM'] < 0.99

    def test_another_garment_without_truth_is_refused(self):
        metric = TryOnMetric()
        metric.dataset_meta = {'paired': False}
        samples = list(images())
        with pytest.raises(UserError, match=r'a_0\.jpg and .* paired=True'):
            evaluate(metric, samples)
        known = [dict(s, gt_try_on=s['person']) for s in samples]
        assert evaluate(metric, known) == evaluate(TryOnMetric(), samples)

    def test_the_truth_itself(self):
        samples = [s | {'try_on': s['person']} for s in images()]
        metrics = evaluate(TryOnMetric(), samples)
        assert metrics == {'SSIM': pytest.approx(1, abs=1e-12), 'L1': 0}

    def test_half_precision(self):
        exact = evaluate(TryOnMetric(), list(images()))
        half = evaluate(TryOnMetric(), list(images(dtype=torch.bfloat16)))
        assert half == pytest.approx(exact, abs=5e-3)

    def test_only_what_is_asked_for(self):
        samples = list(images())
        assert set(evaluate(TryOnMetric(ssim=False), samples)) == {'L1'}
        assert set(evaluate(TryOnMetric(l1=False), samples)) == {'SSIM'}

    def test_colours_beyond_black_and_white_are_clamped(self):
        """A generator may give 1.2: it is shown, and measured, as 1."""
        bright = [
            s | {name: 5 * s[name] for name in ('try_on', 'person')}
            for s in images()
        ]
        clamped = [
            s | {name: s[name].clamp(-1, 1) for name in ('try_on', 'person')}
            for s in bright
        ]
        metrics = evaluate(TryOnMetric(), bright)
        assert metrics == evaluate(TryOnMetric(), clamped)
        assert 0 < metrics['L1'] < 1

    def test_too_small(self):
        with pytest.raises(UserError, match='at least 11 x 11 px, got'):
            evaluate(TryOnMetric(), list(images(size=(32, 10))))
        assert evaluate(TryOnMetric(), list(images(size=(11, 11))))

    def test_numbers_of_every_sample(self, tmp_path):
        prefix = str(tmp_path / 'new' / 'test')
        metric = TryOnMetric(outfile_prefix=prefix)
        metrics = evaluate(metric, list(images()))
        with open(f'{prefix}.try_on.csv') as file:
            rows = list(csv.DictReader(file))
        assert [(r['person'], r['cloth']) for r in rows] == [
            ('a_0.jpg', 'b_1.jpg')
        ] * 3
        for name, mean in metrics.items():
            assert np.mean([float(r[name]) for r in rows]) == mean

    def test_each_class_beside_the_total(self, tmp_path):
        """A mean over all hides that dresses are worse than tops."""
        samples = list(images())
        for index, sample in enumerate(samples):
            sample['cloth_class'] = 'upper_body' if index == 1 else 'dresses'
        prefix = str(tmp_path / 'test')
        metrics = evaluate(TryOnMetric(outfile_prefix=prefix), samples)
        assert [*metrics] == [
            *('SSIM', 'L1', 'upper_body/SSIM', 'upper_body/L1'),
            *('dresses/SSIM', 'dresses/L1'),
        ]
        single = [evaluate(TryOnMetric(), [sample]) for sample in samples]
        assert metrics['upper_body/L1'] == single[1]['L1']
        assert metrics['dresses/L1'] == pytest.approx(
            (single[0]['L1'] + single[2]['L1']) / 2
        )
        with open(f'{prefix}.try_on.csv') as file:
            assert [row['class'] for row in csv.DictReader(file)] == [
                *('dresses', 'upper_body', 'dresses')
            ]

    def test_one_class_is_the_total(self):
        samples = [image | {'cloth_class': 'dresses'} for image in images()]
        assert [*evaluate(TryOnMetric(), samples)] == ['SSIM', 'L1']


def warp_sample(shift=(3, -2), size=(12, 9)):
    """A cloth that the person wears moved by ``shift`` (x, y) px."""
    h, w = size
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    truth = torch.stack([x - shift[0], y - shift[1]]).float()
    worn = torch.zeros(1, h, w)
    worn[:, 1:7, 4:9] = 1
    truth[:, worn[0] == 0] = torch.nan
    cloth_mask = torch.zeros(1, h, w)
    cloth_mask[:, 3:9, 1:6] = 1
    last = torch.tensor([w - 1, h - 1]).view(2, 1, 1)
    flow = torch.stack([x - shift[0], y - shift[1]]) / last * 2 - 1
    return dict(
        flow=flow,
        warped_mask=worn * 0.9,
        cloth_mask=cloth_mask,
        person_cloth_mask=worn,
        gt_flow=truth,
    )


class TestWarp:
    def test_a_perfect_warp(self):
        metrics = evaluate(WarpMetric(), [warp_sample()])
        # both masks have 30 px and share rows 3 ... 6 of columns 4 and 5
        assert metrics == {
            'warp/IoU': 1,
            'unwarped/IoU': pytest.approx(8 / 52),
            'warp/EPE': pytest.approx(0, abs=1e-5),
            'unwarped/EPE': pytest.approx(13**0.5),
        }

    def test_an_offset_in_px(self):
        sample = warp_sample()
        step = torch.tensor([2 / 8, 2 / 11]).view(2, 1, 1)  # 1 px
        sample['flow'] = sample['flow'] + step * torch.tensor([3.0, 4.0]).view(
            2, 1, 1
        )
        metrics = evaluate(WarpMetric(), [sample, warp_sample()])
        assert metrics['warp/EPE'] == pytest.approx(2.5, abs=1e-5)

    def test_what_is_not_known_is_not_reported(self):
        sample = warp_sample()
        del sample['gt_flow']
        assert set(evaluate(WarpMetric(), [sample])) == {
            'warp/IoU',
            'unwarped/IoU',
        }
        # nor does it count where others know it
        metrics = evaluate(WarpMetric(), [sample, warp_sample()])
        assert metrics['unwarped/EPE'] == pytest.approx(13**0.5)
        del sample['person_cloth_mask']
        assert evaluate(WarpMetric(), [sample]) == {}

    def test_no_cloth_at_all(self):
        empty = warp_sample()
        for name in ('warped_mask', 'cloth_mask', 'person_cloth_mask'):
            empty[name] = torch.zeros_like(empty[name])
        empty['gt_flow'] = torch.full_like(empty['gt_flow'], torch.nan)
        assert evaluate(WarpMetric(), [empty]) == {}
        both = evaluate(WarpMetric(), [empty, warp_sample()])
        assert both == evaluate(WarpMetric(), [warp_sample()])


def test_mask_threshold():
    mask = torch.tensor([0.49, 0.5, 1.0, 0.0])
    assert mask_iou(mask, torch.tensor([0.0, 1.0, 0.0, 1.0])) == 1 / 3


def test_grid_to_px_hits_the_centres():
    corners = torch.tensor([[[-1.0, 1.0]], [[-1.0, -1.0]]])  # (2, 1, 2)
    grid = torch.zeros(2, 5, 7)
    grid[:, 0, [0, 6]] = corners[:, 0]
    px = grid_to_px(grid)
    assert px[:, 0, 0].tolist() == [0, 0]
    assert px[:, 0, 6].tolist() == [6, 0]
    assert px[:, 2, 3].tolist() == [3, 2]


def test_end_point_error_skips_what_is_half_defined():
    truth = torch.zeros(2, 1, 3)
    truth[0, 0, 1] = torch.nan
    flow = torch.zeros(2, 1, 3)
    flow[:, 0] = torch.tensor([[3.0, 50.0, 0.0], [4.0, 50.0, 1.0]])
    assert end_point_error(flow, truth) == 3


class Listed(list):
    """A dataset of items as they are before the pipeline."""

    def get_data_info(self, index):
        return self[index]


@pytest.mark.fault(23)
def test_an_unknown_truth_is_told_at_load():
    """It was told after the first epoch of a training."""
    metric = TryOnMetric()
    pairs = Listed([{'person_name': '1_0.jpg'}])
    metric.dataset_meta = {'paired': True}
    metric.check_dataset(pairs)
    metric.dataset_meta = {'paired': False}
    with pytest.raises(UserError, match=r'1_0\.jpg and others .* paired=True'):
        metric.check_dataset(pairs)
    pairs[0]['truth_path'] = 'truth/1_0.jpg'
    metric.check_dataset(pairs)
