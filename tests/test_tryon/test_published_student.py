# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published mobile student dresses generated people, keeps the rest."""

import numpy as np
import pytest

pytest.importorskip('mmengine')
import cv2

from mmfashion_ext.synthetic.viton.generate import generate_viton
from mmfashion_ext.tryon import TryOnInferencer

MODEL = 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96'


def test_it_dresses_people_and_keeps_their_photograph(tmp_path):
    """Weights of another network, or of noise, would not warp at all."""
    generate_viton(tmp_path, num=1, test=4, seed=3, size=192, progress=False)
    folder = tmp_path / 'VITON_test'
    pairs = [
        line.split()
        for line in (folder / 'test_pairs.txt').read_text().splitlines()
    ]
    infer = TryOnInferencer(MODEL, device='cpu', show_progress=False)
    found = infer(
        [folder / 'test_img' / person for person, _ in pairs],
        [folder / 'test_clothes' / cloth for _, cloth in pairs],
        [folder / 'test_edge' / cloth for _, cloth in pairs],
    )['predictions']
    better, kept = [], []
    for (person, cloth), prediction in zip(pairs, found, strict=True):
        photograph = cv2.imread(str(folder / 'test_img' / person))
        flow = np.load(folder / 'test_truth_flow' / f'{person[:-4]}.npz')
        worn = np.isfinite(flow['flow']).all(axis=2)
        lying = cv2.imread(str(folder / 'test_edge' / cloth), 0) > 127
        warped = prediction['warped_mask'] > 127
        better.append(overlap(warped, worn) - overlap(lying, worn))
        same = (prediction['try_on'] == photograph).all(axis=2)
        kept.append(same.mean())
        assert not same[worn].all()
    assert np.mean(better) > 0.1
    assert np.mean(kept) > 0.3


def overlap(first, second):
    """Return the intersection over union of two masks."""
    return (first & second).sum() / (first | second).sum()
