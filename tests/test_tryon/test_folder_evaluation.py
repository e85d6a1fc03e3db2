# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on images in two folders: the numbers, and the stated protocol."""

import json
import runpy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import root
from mmfashion_ext.tryon.fidelity_metric import (
    frechet_distance,
    to_grey_levels,
)
from mmfashion_ext.tryon.folder_evaluation import Networks, evaluate_folders
from mmfashion_ext.tryon.metric import structural_similarity


class MeanColours(nn.Module):
    """Stands for Inception: 12 features of images (N, 3, h, w) uint8."""

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images.float(), 2).flatten(1)


FID = Networks(inception=MeanColours())


def write(folder, count, size=(12, 16), seed=0, suffix='.png'):
    """Random images (w, h) px named 0, 1, ...; return them (3, h, w)."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    images = []
    for i in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{i}{suffix}')
        images.append(torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1)
    return images


@pytest.fixture
def folders(tmp_path):
    a = write(tmp_path / 'a', 3, seed=1)
    b = write(tmp_path / 'b', 3, seed=2)
    return tmp_path / 'a', tmp_path / 'b', a, b


def test_pairs(folders):
    results, truth, a, b = folders
    metrics, protocol = evaluate_folders(
        results, truth, Networks(), paired=True
    )
    pairs = list(zip(a, b, strict=True))
    assert metrics['SSIM'] == pytest.approx(
        np.mean([structural_similarity(x, y) for x, y in pairs])
    )
    assert metrics['L1'] == pytest.approx(
        np.mean([float((x - y).abs().mean()) / 2 for x, y in pairs])
    )
    assert metrics.keys() == {'SSIM', 'L1'}
    assert protocol.paired
    assert (protocol.results, protocol.truth) == (3, 3)


def test_equal_folders_are_perfect(folders):
    results = folders[0]
    metrics, _ = evaluate_folders(results, results, FID, paired=True)
    assert metrics['SSIM'] == pytest.approx(1)
    assert metrics['L1'] == 0
    assert metrics['FID'] == pytest.approx(0, abs=1e-3)


def test_sets_of_different_size(folders, tmp_path):
    """Unpaired: more results than photographs, and no pairs are compared."""
    b = folders[3]
    many = write(tmp_path / 'many', 20, seed=3)  # more than a batch
    metrics, protocol = evaluate_folders(
        tmp_path / 'many', folders[1], FID, paired=False
    )
    features = [
        MeanColours()(to_grey_levels(torch.stack(images)))
        for images in (b, many)
    ]
    assert metrics['FID'] == pytest.approx(frechet_distance(*features))
    assert metrics.keys() == {'FID', 'KID', 'KID_std'}
    assert (protocol.results, protocol.truth) == (20, 3)


def test_clean_split_compares_pixels_not_names(folders, tmp_path):
    train = tmp_path / 'train'
    train.mkdir()
    seen = Image.open(folders[1] / '1.png')
    seen.save(train / 'other_name.bmp')
    metrics, protocol = evaluate_folders(
        folders[0], folders[1], Networks(), paired=True, training=train
    )
    assert (protocol.left_out, protocol.truth, protocol.results) == (1, 2, 2)
    a, b = folders[2:]
    expected = np.mean([float((a[i] - b[i]).abs().mean()) / 2 for i in (0, 2)])
    assert metrics['L1'] == pytest.approx(expected)


@pytest.mark.parametrize('resize', ['nearest', 'area', 'bicubic'])
def test_both_sides_are_resized(folders, tmp_path, resize):
    large = tmp_path / 'large'
    large.mkdir()
    for path in folders[0].iterdir():
        image = Image.open(path)
        image.resize((24, 32), Image.Resampling.NEAREST).save(
            large / path.name
        )
    metrics, protocol = evaluate_folders(
        large,
        folders[0],
        Networks(),
        paired=True,
        size=(12, 16),
        resize=resize,
    )
    # each pixel was doubled: the mean of its four copies is itself
    assert (metrics['L1'] < 1e-6) == (resize in ('nearest', 'area'))
    assert protocol.size == (12, 16)
    assert protocol.resize == resize


def test_refuses_what_cannot_be_compared(folders, tmp_path):
    results, truth, *_ = folders
    write(tmp_path / 'large', 3, (24, 32))
    write(tmp_path / 'one', 1)
    write(tmp_path / 'more', 4)
    with pytest.raises(UserError, match='--inception'):
        evaluate_folders(results, truth, Networks(), paired=False)
    with pytest.raises(UserError, match=r'24 x 32 px .* give --size W H'):
        evaluate_folders(tmp_path / 'large', truth, FID, paired=False)
    with pytest.raises(UserError, match='1 results and'):
        evaluate_folders(tmp_path / 'one', truth, FID, paired=False)
    with pytest.raises(UserError, match='no photograph for the results 3'):
        evaluate_folders(tmp_path / 'more', truth, FID, paired=True)
    with pytest.raises(UserError, match='resize must be among'):
        evaluate_folders(results, truth, FID, paired=True, resize='best')


def test_tool_writes_numbers_and_protocol(folders, tmp_path, capsys):
    out = tmp_path / 'metrics.json'
    argv = [str(folders[0]), str(folders[1]), '--paired', '--out', str(out)]
    tool = root() / 'tools/analysis/eval_tryon.py'
    runpy.run_path(str(tool))['main']([*argv, '--size', '12', '16'])
    content = json.loads(out.read_text())
    assert content['protocol'] == {
        'paired': True,
        'size': '12 x 16 px (w x h)',
        'resize': 'bicubic',
        'results': 3,
        'truth': 3,
        'left_out': 0,
    }
    assert 0 < content['L1'] < 1
    assert 'left out' in capsys.readouterr().out
