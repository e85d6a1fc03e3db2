# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Set-up of training and test: flags of the command line become a config."""

import argparse

import pytest
from mmengine.config import Config

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner import (
    add_runner_arguments,
    augment_at_test,
    draw_predictions,
    dump_predictions,
    load_config,
)

MODEL = 'scan_r10-small_1xb32-12e_synthetic-64x32'


def parse(*words):
    parser = argparse.ArgumentParser()
    add_runner_arguments(parser)
    return parser.parse_args(words)


def test_a_name_and_options_become_a_config(tmp_path):
    cfg = load_config(
        parse(
            MODEL,
            '--work-dir',
            str(tmp_path),
            '--cfg-options',
            'train_cfg.max_epochs=3',
            'train_dataloader.dataset.data_root=my data/',
        )
    )
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.train_dataloader.dataset.data_root == 'my data/'
    assert cfg.work_dir == str(tmp_path)
    assert cfg.launcher == 'none'
    assert load_config(parse(MODEL)).work_dir == f'work_dirs/{MODEL}'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([MODEL[:-1]], f"no config '{MODEL[:-1]}'. Did you mean {MODEL}"),
        ([MODEL, '--cfg-options', 'train_cfg'], 'expected KEY=VALUE'),
        ([MODEL, '--cfg-options', 'modell.x=1'], 'Did you mean model'),
        (['{broken}'], 'cannot be loaded as a config: SyntaxError'),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path):
    broken = tmp_path / 'broken.py'
    broken.write_text('model = (')
    words = [word.format(broken=broken) for word in words]
    with pytest.raises(UserError) as caught:
        load_config(parse(*words))
    assert message in str(caught.value)


def test_draw_predictions_sets_the_hosts_hook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hooks = {'visualization': {'type': 'mmdet.DetVisualizationHook'}}
    cfg = Config({'default_hooks': hooks})
    draw_predictions(cfg, 'drawn', 0.4)
    hook = cfg.default_hooks.visualization
    # mmdet's writes images of one name in two folders to one file
    assert hook.type == 'mmfashion_ext.ClothesVisualizationHook'
    assert hook.draw is True
    assert hook.test_out_dir == str(tmp_path / 'drawn')
    assert hook.score_thr == 0.4
    cfg = Config({'default_hooks': {'visualization': {'type': 'Other'}}})
    draw_predictions(cfg, 'drawn', 0.4)
    assert cfg.default_hooks.visualization.enable is True
    with pytest.raises(UserError, match=r'no default_hooks\.visualization'):
        draw_predictions(Config({'default_hooks': {}}), 'drawn', 0.4)


def test_dump_predictions_adds_a_metric(tmp_path):
    cfg = Config(
        {
            'default_scope': 'mmdet',
            'test_evaluator': {'type': 'mmfashion_ext.DeepFashion2Metric'},
        }
    )
    path = str(tmp_path / 'new' / 'x.pkl')
    dump_predictions(cfg, path)
    first, second = cfg.test_evaluator
    assert first.outfile_prefix == path.removesuffix('.pkl')
    assert second == {'type': 'mmdet.DumpDetResults', 'out_file_path': path}
    with pytest.raises(UserError, match=r'must end with \.pkl or'):
        dump_predictions(cfg, 'x.json')


def test_augment_at_test_wraps_the_model():
    cfg = Config(
        {
            'model': {'type': 'Net'},
            'tta_model': {'type': 'TTA'},
            'tta_pipeline': [{'type': 'Flip'}],
            'test_dataloader': {'dataset': {'dataset': {'pipeline': []}}},
        }
    )
    augment_at_test(cfg)
    assert cfg.model == {'type': 'TTA', 'module': {'type': 'Net'}}
    inner = cfg.test_dataloader.dataset.dataset
    assert inner.pipeline == [{'type': 'Flip'}]
    with pytest.raises(UserError, match='--tta: the config has no tta_model'):
        augment_at_test(Config({'model': {}}))
