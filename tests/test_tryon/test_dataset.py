# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate, worker_init_fn
from torch.utils.data import DataLoader

from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import DATASETS
from mmfashion_ext.tryon import worker_generator
from mmfashion_ext.tryon.dataset import TryOnDataset
from mmfashion_ext.tryon.transforms import DrawPose, LoadTryOn, PackTryOn
from mmfashion_ext.utils import skipped

PIPELINE = [LoadTryOn(), DrawPose(), PackTryOn()]


def make(root, *args, **kwargs):
    return TryOnDataset(str(root), *args, **kwargs)


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def names(dataset):
    return [
        (info['person_name'], info['cloth_name']) for info in infos(dataset)
    ]


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


@pytest.fixture
def printed(monkeypatch):
    printed = []
    monkeypatch.setattr(skipped, 'print_log', lambda m, **_: printed.append(m))
    return printed


def test_an_item_to_train_on(write_viton, printed):
    root = write_viton()
    dataset = make(root)
    assert len(dataset) == 4
    info = dataset.get_data_info(2)
    base = root / 'VITON_traindata'
    assert info == {
        'person_path': str(base / 'train_img/000002_0.jpg'),
        'cloth_path': str(base / 'train_color/000002_1.jpg'),
        'cloth_mask_path': str(base / 'train_edge/000002_1.jpg'),
        'parse_path': str(base / 'train_label/000002_0.png'),
        'pose_path': str(base / 'train_pose/000002_0_keypoints.json'),
        'densepose_path': str(base / 'train_densepose/000002_0.npy'),
        'flow_path': str(base / 'train_flow/000002_0.npz'),
        'parse_labels': 'viton',
        'cloth_class': 'upper_body',
        'person_name': '000002_0.jpg',
        'cloth_name': '000002_1.jpg',
        'sample_idx': 2,
    }
    assert dict(dataset.metainfo) == {
        'dataset': 'viton',
        'split': 'train',
        'paired': True,
    }
    assert not dataset.test_mode
    assert not printed


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('layout', ['viton', 'viton-hd', 'folder'])
def test_all_layouts_go_through_the_pipeline(write_viton, layout, split):
    root = write_viton(layout, split)
    dataset = make(root, layout, split, unpaired='random', pipeline=PIPELINE)
    batch = pseudo_collate([dataset[0], dataset[3]])
    assert len(batch['inputs']) == 10
    assert batch['data_samples'][1].person_name.startswith('00')
    parse = torch.stack(batch['inputs']['parse'])
    labels = set(range(14)) - ({2, 3} if layout == 'viton-hd' else set())
    assert set(parse.unique().tolist()) == labels


def test_a_published_test_set_has_images_and_pairs_only(write_viton):
    without = ('parse', 'pose', 'densepose', 'flow')
    root = write_viton(split='test', without=without)
    assert make(root, split='test').metainfo['paired']
    (root / 'test_pairs.txt').write_text('000002_0.jpg 000001_1.jpg\n')
    dataset = make(root, split='test', pipeline=PIPELINE[::2])
    assert names(dataset) == [('000002_0.jpg', '000001_1.jpg')]
    assert not dataset.metainfo['paired']
    assert dataset.test_mode
    assert set(dataset[0]['inputs']) == {'person', 'cloth', 'cloth_mask'}


def test_paired_or_by_the_file(write_viton):
    root = write_viton(split='test')
    refused(
        lambda: make(root, split='test', paired=False),
        r'test_pairs\.txt\), an',
    )
    pairs = [
        ('000000_0.jpg', '000001_1.jpg'),
        ('000003_0.jpg', '000003_1.jpg'),
    ]
    for name in ('test_pairs.txt', 'mine.txt'):
        (root / name).write_text('\n'.join(map(' '.join, pairs)))
        pairs = pairs[1:]
    unpaired = make(root, split='test')
    assert len(unpaired) == 2
    # the warp is that of the garment worn
    assert 'flow_path' not in unpaired.get_data_info(1)
    assert 'parse_path' in unpaired.get_data_info(1)
    paired = make(root, split='test', paired=True)
    assert len(paired) == 4
    assert paired.metainfo['paired']
    assert 'flow_path' in paired.get_data_info(1)
    mine = make(root, split='test', pairs_file='mine.txt')
    assert names(mine) == [('000003_0.jpg', '000003_1.jpg')]
    assert mine.metainfo['paired']
    with pytest.raises(ValueError, match="without pairs_file, got 'mine"):
        make(root, split='test', pairs_file='mine.txt', paired=True)


def test_truth_of_another_garment(write_viton):
    """Of the pairs of the layout's own file, in synthetic data."""
    root = write_viton(split='test')
    kwargs = {'split': 'test', 'annotations': ['truth']}
    with pytest.raises(UserError, match='garments worn'):
        make(root, paired=True, **kwargs)
    (root / 'test_pairs.txt').write_text('000002_0.jpg 000001_1.jpg\n')
    dataset = make(root, paired=False, pipeline=PIPELINE[::2], **kwargs)
    inputs = dataset[0]['inputs']
    assert set(inputs) == {'person', 'cloth', 'cloth_mask', 'truth', 'flow'}
    assert inputs['truth'].float().mean() == pytest.approx(222, abs=1)
    # of that garment, not of the one worn
    assert inputs['flow'][:, 0, 0].tolist() == [1, 1]
    (root / 'mine.txt').write_text('000002_0.jpg 000001_1.jpg\n')
    refused(lambda: make(root, pairs_file='mine.txt', **kwargs), r'mine\.txt')
    hd = write_viton('viton-hd', 'test')
    refused(lambda: make(hd, 'viton-hd', **kwargs), "layout 'viton' only")
    refused(lambda: make(root, split='test', pairs_file='x.txt'), 'no such')


def test_the_truth_and_its_reverse(write_viton):
    """The other way round the worn cloth is put back on."""
    kwargs = {'split': 'test', 'annotations': ['truth'], 'paired': False}
    root = write_viton(split='test')
    lines = '000002_0.jpg 000001_1.jpg', '000001_0.jpg 000003_1.jpg'
    (root / 'test_pairs.txt').write_text('\n'.join(lines))
    there = make(root, **kwargs)
    both = make(root, reverse=True, test_mode=False, **kwargs)
    assert len(both) == 2 * len(there)
    for index in range(len(there)):
        forth, back = (
            both.get_data_info(index),
            both.get_data_info(index + len(there)),
        )
        assert forth['person_path'] == back['truth_path']
        assert forth['truth_path'] == back['person_path']
        person = Path(forth['person_path']).stem
        assert Path(back['cloth_path']).stem == f'{person[:-2]}_1'
        assert Path(back['cloth_mask_path']).stem == f'{person[:-2]}_1'
        assert back['cloth_name'] == Path(back['cloth_path']).name
        assert Path(back['flow_path']).parent.name == 'test_flow'
        assert Path(forth['flow_path']).parent.name == 'test_truth_flow'
    with pytest.raises(UserError, match=r'reverse=True needs .*got.*None'):
        make(root, split='test', reverse=True)


def test_pairs_by_rank(write_viton):
    root = write_viton()
    for path in (root / 'VITON_traindata/train_color').iterdir():
        path.rename(path.with_name(f'a{path.name}'))
    refused(lambda: make(root), 'lacks the clothes of 4 of 4 persons')
    dataset = make(root, pairing='rank')
    assert names(dataset)[3] == ('000003_0.jpg', 'a000003_1.jpg')
    info = dataset.get_data_info(3)
    assert Path(info['cloth_mask_path']).name == '000003_1.jpg'
    (root / 'VITON_traindata/train_edge/Thumbs.db').touch()
    refused(
        lambda: make(root, pairing='rank'),
        r'train_edge 5, .*counterpart: train_edge/Thumbs\.db; remove it, or',
    )


def test_missing_annotations_are_named(write_viton):
    root = write_viton()
    (root / 'VITON_traindata/train_pose/000001_0_keypoints.json').unlink()
    refused(
        lambda: make(root),
        r'train_pose lacks the pose of 1 of 4 persons: 000001_0\.jpg; '
        r'tools/dataset_converters/viton\.py \S+ --layout viton --check lists',
    )
    dataset = make(root, annotations=['parse'])
    kinds = [k for k in dataset.get_data_info(0) if k.endswith('_path')]
    assert kinds == [
        'person_path',
        'cloth_path',
        'cloth_mask_path',
        'parse_path',
    ]


def test_training_needs_a_parsing(write_viton):
    root = write_viton('folder', without=('densepose',))
    refused(lambda: make(root, 'folder'), 'lacks the densepose of 4 of 4')
    dataset = make(root, 'folder', annotations=())
    assert 'parse_path' not in dataset.get_data_info(0)


def test_missing_masks_are_made_and_said(write_viton, printed):
    root = write_viton('folder', without=('cloth_mask',))
    dataset = make(root, 'folder')
    assert dataset.get_data_info(0)['cloth_mask_path'] is None
    (message,) = printed
    assert 'masks lacks the masks of 4 of 4 clothes: 00000_00.jpg' in message
    assert f'{root} --layout folder --make-masks' in message


def test_wrong_arguments(write_viton):
    root = write_viton()
    for kwargs in ({'pairing': 'x'}, {'unpaired': 'x'}, {'layout': 'x'}):
        with pytest.raises(ValueError, match=r'must be .*, got .*x'):
            make(root, **kwargs)


def number(info):
    return int(Path(info['unpaired_cloth_path']).name[:6])


class Draws(torch.utils.data.Dataset):
    """Only the numbers of the clothes drawn."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return number(self.dataset.get_data_info(index % len(self.dataset)))


def draw(root, epochs=2, workers=2, seed=3, persistent=False):
    """(epochs, items) drawn by workers seeded as MMEngine does."""
    dataset = Draws(make(root, unpaired='random'))
    torch.manual_seed(seed)
    init = partial(worker_init_fn, num_workers=workers, rank=0, seed=seed)
    loader = DataLoader(
        dataset,
        num_workers=workers,
        worker_init_fn=init if workers else None,
        persistent_workers=persistent,
    )
    return np.array([[int(x) for x in loader] for _ in range(epochs)])


def test_draws_differ_by_worker_and_epoch_and_follow_the_seed(write_viton):
    root = write_viton(num=7)
    first = draw(root)
    assert (first[:1] == draw(root, epochs=1)).all()
    assert (first[:1] != draw(root, epochs=1, seed=4)).any()
    for draws in (first, draw(root, persistent=True)):
        # epochs, and the two workers, which take turns
        assert (draws[0] != draws[1]).any()
        for epoch in draws:
            assert (epoch[::2] != epoch[1::2]).any()


def test_draws_of_one_process(write_viton):
    root = write_viton(num=7)
    first = draw(root, workers=0)
    assert (first == draw(root, workers=0)).all()
    assert (first[0] != first[1]).any()
    # every cloth is drawn, the one worn too
    dataset = make(root, unpaired='random')
    counts = np.zeros((7, 7))
    for _ in range(40):
        for index in range(7):
            counts[index, number(dataset.get_data_info(index))] += 1
    assert counts.all()
    assert abs(counts.sum(0) / 280 - 1 / 7).max() < 0.08


def test_processes_of_a_run_draw_differently(write_viton, monkeypatch):
    root = write_viton(num=7)
    first = draw(root, workers=0)
    monkeypatch.setattr(worker_generator, 'get_rank', lambda: 1)
    assert (draw(root, workers=0) != first).any()


def test_cloth_and_mask_drawn_belong_together(write_viton):
    dataset = make(write_viton(num=7), unpaired='random')
    for info in infos(dataset):
        stems = {
            Path(info[f'unpaired_{kind}_path']).stem
            for kind in ('cloth', 'cloth_mask')
        }
        assert len(stems) == 1


def test_no_item_is_dropped_and_subsets_draw_among_themselves(write_viton):
    dataset = make(write_viton(num=7), unpaired='random', indices=3)
    assert len(dataset) == 3
    assert max(number(dataset.get_data_info(n % 3)) for n in range(50)) == 2


def test_it_is_pickled_and_registered(write_viton):
    dataset = make(write_viton(), unpaired='random')
    dataset.get_data_info(0)
    copy = pickle.loads(pickle.dumps(dataset))
    assert names(copy) == names(dataset)
    assert DATASETS.module_dict['TryOnDataset'] is TryOnDataset


class TestGarmentClasses:
    @pytest.fixture
    def root(self, write_viton):
        """DressCode with two persons in tops and four in dresses."""
        write_viton('dresscode', num=2)
        return write_viton('dresscode', num=4, cloth_class='dresses')

    def test_each_class_of_dresscode(self, root):
        dataset = make(root, 'dresscode', pipeline=PIPELINE)
        found = [info['cloth_class'] for info in infos(dataset)]
        assert found == ['upper_body'] * 2 + ['dresses'] * 4
        assert dataset.metainfo['paired']
        batch = pseudo_collate([dataset[0], dataset[5]])
        assert [int(x) for x in batch['inputs']['cloth_class']] == [0, 2]
        sample = batch['data_samples'][1]
        assert sample.cloth_class == 'dresses'
        assert sample.person_name == '000003_0.jpg'
        # label 5 of ATR is a skirt: part of a dress, beside a top
        top, dress = (parse[0] for parse in batch['inputs']['parse'])
        assert (top[0, 5], dress[0, 5]) == (8, 4)

    def test_joints_of_dresscode_are_in_px_of_the_image(self, root):
        dataset = make(root, 'dresscode', pipeline=[LoadTryOn()])
        # joint 17 is at (17, 34) of 384 x 512, the image has 24 x 32 px
        pose = dataset[0]['pose']
        assert pose[17].tolist() == [1.0625, 2.125, 0.5]
        assert (pose[2:, :2] > 1).all()  # found, whatever the size

    def test_selected_classes(self, root):
        dataset = make(root, 'dresscode', classes=['dresses'])
        assert len(dataset) == 4
        refused(
            lambda: make(root, 'dresscode', classes=['lower_body']),
            'lower_body/images does not exist',
        )
        refused(lambda: make(root, classes=['skirt']), 'class must be one of')

    def test_selected_classes_of_other_layouts(self, write_viton):
        assert len(make(write_viton(), classes=['upper_body'])) == 4
        root = write_viton('folder', 'test')
        refused(
            lambda: make(root, 'folder', classes=['dresses']),
            r"no pairs of the classes \['dresses'\]",
        )
        (root / 'pairs.txt').write_text('00000_00.jpg 00001_00.jpg 2\n')
        dataset = make(root, 'folder', classes=['dresses'])
        assert names(dataset) == [('00000_00.jpg', '00001_00.jpg')]

    def test_unpaired_cloths_are_of_the_class(self, root):
        """A tutor that puts a dress on as a top would teach nonsense."""
        dataset = make(root, 'dresscode', unpaired='random')
        for index in range(6):
            expected = 'upper_body' if index < 2 else 'dresses'
            drawn = {
                dataset.get_data_info(index)['unpaired_cloth_path']
                for _ in range(20)
            }
            assert {Path(path).parents[1].name for path in drawn} == {expected}

    def test_pairs_to_test(self, root):
        for name in ('upper_body', 'dresses'):
            (root / name / 'test_pairs_unpaired.txt').write_text(
                '000001_0.jpg 000000_1.jpg\n'
            )
            (root / name / 'test_pairs_paired.txt').write_text(
                '000001_0.jpg 000001_1.jpg\n'
            )
        unpaired = make(root, 'dresscode', 'test')
        assert names(unpaired) == [('000001_0.jpg', '000000_1.jpg')] * 2
        assert not unpaired.metainfo['paired']
        paired = make(root, 'dresscode', 'test', paired=True)
        assert names(paired) == [('000001_0.jpg', '000001_1.jpg')] * 2
        assert paired.metainfo['paired']
