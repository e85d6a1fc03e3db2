# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""All five tasks through tools/train.py and tools/test.py, on 12 images."""

import importlib.util
import json
import math

import pytest

from mmfashion_ext.hub import root
from mmfashion_ext.synthetic import generate_deepfashion2

MODEL = 'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'


@pytest.fixture(scope='module')
def paired(tmp_path_factory, run_tool):
    """A folder of paired images, and the options that use it."""
    data = tmp_path_factory.mktemp('paired') / 'data'
    generate_deepfashion2(data, num=6, val=6, size=96, progress=False)
    converter = 'tools/dataset_converters/deepfashion2.py'
    for split in ('train', 'validation'):
        out = data / 'annotations' / f'{split}.json'
        run_tool(converter, data / split, '--out', out)
    truth = data / 'annotations' / 'validation.json'
    options = ['load_from=None', 'default_hooks.logger.interval=1']
    for split in ('val', 'test'):
        options += [f'{split}_evaluator.{k}.ann_file={truth}' for k in (0, 1)]
    for split in ('train', 'val', 'test'):
        options += [
            f'{split}_dataloader.dataset.data_root={data}/',
            f'{split}_dataloader.batch_size=2',
            f'{split}_dataloader.num_workers=0',
            f'{split}_dataloader.persistent_workers=False',
        ]
    return data, options


def test_trains_tests_and_dumps_all_five_tasks(paired, run_tool, tmp_path):
    data, options = paired
    run_tool(
        *('tools/train.py', MODEL, '--work-dir', tmp_path / 'work'),
        *('--cfg-options', *options),
    )
    (log,) = tmp_path.glob('work/*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    training = [line for line in lines if 'loss' in line]
    assert training
    for name in ('cls', 'bbox', 'mask', 'landmark', 'match'):
        assert all(math.isfinite(line[f'loss_{name}']) for line in training)

    # every detection counts, so that there are queries and a gallery
    options = [
        *options,
        'model.test_cfg.rcnn.score_thr=0.0',
        'test_evaluator.1.query_score_thr=0.0',
        'test_evaluator.1.gallery_score_thr=0.0',
    ]
    tested = {}
    for name, extra in (
        ('detected', []),
        ('gt', ['model.test_cfg.rcnn.gt_boxes=True']),
    ):
        run_tool(
            *('tools/test.py', MODEL, tmp_path / 'work' / 'epoch_1.pth'),
            *('--work-dir', tmp_path, '--out', tmp_path / f'{name}.json'),
            *('--dump', tmp_path / f'{name}.pkl'),
            *('--cfg-options', *options, *extra),
        )
        tested[name] = json.loads((tmp_path / f'{name}.json').read_text())
    # with the boxes of the ground truth nothing is missed, and all is right
    # about boxes
    assert tested['gt']['bbox/AP'] == pytest.approx(1)
    assert tested['gt']['retrieval/miss_num'] == 0
    assert tested['gt']['retrieval/query_num'] > 0
    # the gallery is smaller than 20: everything is found in the end
    assert tested['gt']['retrieval/top-20'] == 1

    lists = [tmp_path / 'q.json', tmp_path / 'g.json']
    run_tool(
        'tools/dataset_converters/retrieval_lists.py',
        data / 'annotations' / 'validation.json',
        *('--query', lists[0], '--gallery', lists[1]),
    )
    for name, metrics in tested.items():
        out = tmp_path / f'{name}_offline.json'
        run_tool(
            *('tools/analysis/eval_retrieval.py', '--out', out),
            *('--query-gt', lists[0], '--gallery-gt', lists[1]),
            *('--results', tmp_path / f'{name}.retrieval.json'),
        )
        for key, value in json.loads(out.read_text()).items():
            assert metrics[f'retrieval/{key}'] == value, (name, key)


def test_control_exchanges_landmarks_within_categories():
    """What the control of the landmark numbers trains on."""
    path = root() / 'benchmarks' / 'shuffled_landmarks.py'
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    items = [
        {'category_id': 1 + k % 3, 'keypoints': [k], 'num_keypoints': k}
        for k in range(8)
    ]
    items.append({'category_id': 9, 'keypoints': [8], 'num_keypoints': 8})
    assert module.shuffle_landmarks({'annotations': items}) == 8
    for k, item in enumerate(items):
        (giver,) = item['keypoints']
        assert item['num_keypoints'] == giver
        assert (giver == k) == (k == 8)  # alone in its category
        if k < 8:
            assert giver % 3 == k % 3
    assert sorted(item['keypoints'][0] for item in items) == list(range(9))
