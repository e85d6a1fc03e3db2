# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos import RejectedError
from mmfashion_ext.synthetic.tryon_photos.garment_mesh import mesh_over
from mmfashion_ext.synthetic.tryon_photos.pairing import (
    best_placing,
    fit_garment,
    free_zone,
    unfolded_start,
)
from mmfashion_ext.synthetic.tryon_photos.placing import place_garment
from mmfashion_ext.synthetic.tryon_photos.quality import Limits
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import MIDDLE, bend


@pytest.fixture
def region(labels):
    return find_worn_regions(labels)['upper']


@pytest.fixture
def narrow(garment):
    outline = (garment.outline - MIDDLE) * [0.3, 1] + MIDDLE
    return replace(garment, name='narrow', outline=outline.astype(np.float32))


def test_the_garment_that_fits_best_is_chosen(garment, narrow, region):
    chosen, placing, hem = best_placing([narrow, garment], region)
    assert chosen is garment
    assert placing.score > 0.85
    assert hem == 'seen'


def test_a_fit_passes_without_folds(garment, region):
    fit = fit_garment([garment], region)
    assert fit.quality.problem(Limits()) == ''
    assert (np.linalg.det(fit.mesh.jacobians(fit.vertices)) > 0).all()
    error = np.linalg.norm(fit.vertices - bend(fit.mesh.rest), axis=1)
    assert np.median(error) < 3.5
    again = fit_garment([garment], region)
    assert (again.vertices == fit.vertices).all()


def test_rejections_have_a_reason(garment, narrow, region):
    with pytest.raises(RejectedError, match='no garment'):
        fit_garment([], region)
    with pytest.raises(RejectedError, match='placing'):
        fit_garment([narrow], region, least_score=0.99)
    with pytest.raises(RejectedError, match='IoU'):
        fit_garment([garment], region, Limits(iou=0.9999, uncovered=1.0))


def test_a_tucked_hem_may_lie_hidden(region):
    assert not (free_zone(region, 'seen') & region.tucked).any()
    assert free_zone(region, 'tucked')[region.tucked].all()


def test_a_start_is_not_folded(garment, region):
    """Sleeves are turned back where turning them would fold the mesh."""
    mesh = mesh_over(garment.outline)
    placing = place_garment(garment, region, 'seen')
    turned = replace(placing, angles=(3.0, -3.0))
    start = unfolded_start(garment, mesh, turned)
    assert (np.linalg.det(mesh.jacobians(start)) > 0).all()
