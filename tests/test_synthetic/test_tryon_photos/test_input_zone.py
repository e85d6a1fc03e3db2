# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np

from mmfashion_ext.synthetic.tryon_photos.input_zone import enlarge_region
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import LABEL


def test_sleeves_grow_over_the_arms(labels):
    region = find_worn_regions(labels)['upper']
    larger = enlarge_region(region, 0.3, 0.0)
    grown = larger.mask & ~region.mask
    assert grown.sum() > 200
    assert (labels[grown] == LABEL['skin']).all()
    assert not (larger.in_front & larger.mask).any()
    further = enlarge_region(region, 0.6, 0.0)
    assert further.mask.sum() > larger.mask.sum()
    y, _ = np.nonzero(grown)
    assert y.min() > 150  # not over face and neck


def test_the_hem_falls_over_the_trousers(labels):
    region = find_worn_regions(labels)['upper']
    larger = enlarge_region(region, 0.0, 0.2)
    grown = larger.mask & ~region.mask
    assert (labels[grown] == LABEL['jeans']).mean() > 0.7
    allowed = LABEL['jeans'], LABEL['skin']  # sleeves fall over arms
    assert np.isin(labels[grown], allowed).all()
    height = np.ptp(np.nonzero(region.mask)[0])
    assert np.nonzero(grown)[0].max() <= (
        np.nonzero(region.mask)[0].max() + round(0.2 * height) + 1
    )


def test_nothing_is_asked_for(labels):
    region = find_worn_regions(labels)['upper']
    assert (enlarge_region(region, 0.0, 0.0).mask == region.mask).all()
