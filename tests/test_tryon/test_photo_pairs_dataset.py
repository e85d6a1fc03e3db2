# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import DATASETS, TRANSFORMS
from mmfashion_ext.tryon.data_preprocessor import TryOnDataPreprocessor
from mmfashion_ext.tryon.photo_pairs_dataset import (
    AddTruthMaps,
    TryOnPhotoPairs,
)
from mmfashion_ext.tryon.transforms import PackTryOn

from ..test_synthetic.test_tryon_photos.conftest import write_roots

SIZE = 64, 48


@pytest.fixture(scope='session')
def cache(tmp_path_factory):
    from mmfashion_ext.synthetic import generate_tryon_photos

    root = tmp_path_factory.mktemp('photo_pairs')
    people, garments = write_roots(root)
    out = root / 'cache'
    generate_tryon_photos(out, people=people, garments=garments, num=2, val=1)
    return out


def make(cache, **options):
    return TryOnPhotoPairs(str(cache), size=SIZE, **options)


def test_a_sample(cache):
    info = make(cache, split='validation', kind='inverse').get_data_info(0)
    for name in ('person', 'cloth', 'truth'):
        assert info[name].shape == (*SIZE, 3)
        assert info[name].dtype == np.uint8
    for name in ('cloth_mask', 'garment_region', 'loss_mask', 'kept'):
        assert info[name].shape == SIZE
        assert set(np.unique(info[name])) <= {0, 255}
    assert info['flow'].shape == (*SIZE, 2)
    assert info['cloth_class'] == 'upper_body'
    assert info['pair_kind'] == 'inverse'
    assert info['person_name'] == '0004.jpg'


def test_images_are_rgb(cache):
    dataset = make(cache, split='validation', kind='inverse')
    info = dataset.get_data_info(0)
    bgr = dataset.store.render(0, 'inverse', SIZE).truth
    assert (info['truth'][..., ::-1] == bgr).all()


def test_training_varies_and_tests_do_not(cache):
    torch.manual_seed(0)
    train = make(cache)
    first, second = (train.get_data_info(0) for _ in range(2))
    assert (first['truth'] != second['truth']).any()
    torch.manual_seed(0)
    again = make(cache).get_data_info(0)
    assert (again['truth'] == first['truth']).all()
    assert again['pair_kind'] == first['pair_kind']
    test = make(cache, split='validation')
    same = [test.get_data_info(0)['truth'] for _ in range(2)]
    assert (same[0] == same[1]).all()


def test_kinds(cache):
    assert len(make(cache)) == 2
    mixed = make(cache, split='validation')
    kinds = [mixed.get_data_info(i)['pair_kind'] for i in range(len(mixed))]
    assert kinds == ['inverse', 'composite']
    for share, kind in ((0.0, 'inverse'), (1.0, 'composite')):
        dataset = make(cache, composite_share=share)
        drawn = {dataset.get_data_info(0)['pair_kind'] for _ in range(3)}
        assert drawn == {kind}


def test_batches_for_a_model(cache):
    dataset = make(cache, kind='composite', pipeline=[PackTryOn()])
    batch = pseudo_collate([dataset[0], dataset[1]])
    data = TryOnDataPreprocessor()(batch)
    inputs = data['inputs']
    assert inputs['truth'].shape == (2, 3, 64, 64)
    assert inputs['flow'].shape == (2, 2, 64, 64)
    assert inputs['flow'].isnan().any()
    sample = data['data_samples'][0]
    assert sample.cloth_class == 'upper_body'
    assert sample.pair_kind == 'composite'
    assert sample.ori_shape == SIZE


def test_is_registered():
    assert DATASETS.get('TryOnPhotoPairs') is TryOnPhotoPairs
    assert TRANSFORMS.get('AddTruthMaps') is AddTruthMaps


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        ({'split': 'test'}, 'split must be one of train, validation'),
        ({'kind': 'both'}, "kind must be one of .*, got 'both'"),
        ({'classes': ['dresses']}, 'has no pairs of kind'),
        ({'classes': ['dress']}, 'class must be one of upper_body, .*dress'),
    ],
)
def test_wrong_arguments(cache, options, match):
    with pytest.raises(UserError, match=match):
        make(cache, **options)


def test_maps_of_generated_people():
    truth = np.full((8, 6, 3), 100, np.uint8)
    person = truth.copy()
    person[2:4] = 180
    flow = np.full((8, 6, 2), np.nan, np.float32)
    flow[3:5] = 1
    found = AddTruthMaps()({'person': person, 'truth': truth, 'flow': flow})
    assert (found['garment_region'][3:5] == 255).all()
    assert (found['garment_region'][:3] == 0).all()
    assert (found['loss_mask'] == 255).all()
    assert (found['kept'][2:5] == 0).all()
    assert (found['kept'][[0, 1, 5, 6, 7]] == 255).all()
