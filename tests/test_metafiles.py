# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The metafiles name what exists, in fixed units."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmfashion_ext import hub
from mmfashion_ext.evaluation.tasks import TASK_BY_TITLE
from mmfashion_ext.utils.checkpoint import HASHED_NAME

ROOT = hub.root()
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text(encoding='utf-8'))
METAFILES = {
    path: yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))
    for path in INDEX['Import']
}
ENTRIES = hub.metafile_entries()


each_entry = pytest.mark.parametrize('entry', ENTRIES, ids=lambda e: e['Name'])


def test_index_lists_every_metafile():
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').rglob('metafile.yml')
    }
    assert found == set(METAFILES)


@pytest.mark.parametrize('path', METAFILES)
def test_collections_point_at_what_exists(path):
    content = METAFILES[path]
    for collection in content['Collections']:
        assert set(collection['Paper']) == {'URL', 'Title'}
        assert collection['Paper']['URL'].startswith('https://')
        for key in ('README', 'Code'):
            assert (ROOT / collection[key]).is_file(), collection[key]
    collections = {collection['Name'] for collection in content['Collections']}
    assert {m['In Collection'] for m in content['Models']} == collections


def test_every_config_has_one_entry_and_every_entry_a_config():
    configs = [str(p.relative_to(ROOT)) for p in hub.leaf_configs()]
    assert sorted(entry['Config'] for entry in ENTRIES) == sorted(configs)


@each_entry
def test_name_is_the_configs(entry):
    assert entry['Name'] == Path(entry['Config']).stem


@each_entry
def test_metadata_says_what_the_config_does(entry):
    from mmengine.config import Config

    meta = entry['Metadata']
    assert meta['Tasks']
    assert set(meta['Tasks']) <= set(TASK_BY_TITLE)
    cfg = Config.fromfile(ROOT / entry['Config'], import_custom_modules=False)
    if 'max_iters' in cfg.train_cfg:
        assert meta['Iterations'] == cfg.train_cfg.max_iters
    else:
        assert meta['Epochs'] == cfg.train_cfg.max_epochs


@each_entry
def test_weights_are_named_by_model_and_hash(entry):
    weights, meta = entry.get('Weights'), entry['Metadata']
    if weights is None:
        assert not {'SHA-256', 'File Size (MB)'} & set(meta)
        return
    folder, _, name = weights.rpartition('/')
    assert folder == 'weights' or folder.startswith('https://')
    assert name.startswith(entry['Name'])
    assert HASHED_NAME.search(name)[1] == meta['SHA-256'][:8]
    needed = {'File Size (MB)', 'Parameters (M)', 'License', 'Training Data'}
    assert needed <= set(meta)
    assert entry['Results'], 'published weights without numbers'


@each_entry
@pytest.mark.parametrize('key', ['Results', 'Paper Results'])
def test_numbers_have_known_names_and_are_in_0_1(entry, key):
    for result in entry.get(key, []):
        assert set(result) == {'Task', 'Dataset', 'Metrics'}
        assert set(result['Metrics']) <= set(
            TASK_BY_TITLE[result['Task']].names
        )
        for name, value in result['Metrics'].items():
            assert 0 <= value <= 1, name


def test_model_zoo_is_generated_from_the_metafiles():
    tool = ROOT / 'tools' / 'misc' / 'gen_model_zoo.py'
    done = subprocess.run(
        [sys.executable, tool, '--check'],
        capture_output=True,
        text=True,
        check=False,
        env={'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
