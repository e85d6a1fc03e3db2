# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from mmfashion_ext import hub
from mmfashion_ext.hub import catalog
from mmfashion_ext.utils.checkpoint import load_checkpoint_file
from mmfashion_ext.utils.files import file_sha256
from mmfashion_ext.zoo import recipes

MISC = Path(__file__).parents[2] / 'tools' / 'misc'
NAME = 'match-rcnn_r18_deepfashion2'


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, MISC / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


publish_model = load_tool('publish_model')
gen_model_zoo = load_tool('gen_model_zoo')
zoo_tool = load_tool('zoo')


class Model(torch.nn.Module):
    """What stands for the zoo's model: two weights."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(2))


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A repository of one model without numbers; its root."""
    root = tmp_path / 'repo'
    folder = root / 'configs' / 'match_rcnn'
    folder.mkdir(parents=True)
    (folder / f'{NAME}.py').write_text('model = dict()\n')
    content = {
        'Collections': [
            {
                'Name': 'Match R-CNN',
                'Paper': {'URL': 'https://a.b', 'Title': 'T'},
                'README': 'README.md',
                'Code': 'x.py',
            }
        ],
        'Models': [
            {
                'Name': NAME,
                'In Collection': 'Match R-CNN',
                'Config': f'configs/match_rcnn/{NAME}.py',
                'Metadata': {'Tasks': ['Object Detection'], 'Dataset': 'D'},
                'Results': [],
            }
        ],
    }
    text = yaml.safe_dump(content, sort_keys=False)
    (folder / 'metafile.yml').write_text(f'# a header\n{text}')
    (root / 'model-index.yml').write_text(
        'Import:\n- configs/match_rcnn/metafile.yml\n'
    )
    monkeypatch.setattr(hub, 'root', lambda: root)
    monkeypatch.setattr(hub.catalog, 'root', lambda: root)
    monkeypatch.setattr(hub, 'get_model', lambda name: Model())
    monkeypatch.setattr(publish_model, 'measure_work', lambda name: 0.125)
    return root


def run(tool, monkeypatch, *args):
    """Run a tool in this process; its exit status."""
    monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
    with pytest.raises(SystemExit) as status:
        publish_model.run_tool(tool.main)
    return status.value.code or 0


@pytest.fixture
def training(tmp_path):
    """A training checkpoint."""
    path = tmp_path / 'epoch_1.pth'
    state = {'w': torch.ones(2)}
    torch.save({'state_dict': state, 'meta': {}, 'optimizer': {}}, path)
    return path


def test_numbers_travel_from_a_test_to_the_model_zoo(
    zoo, training, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'metrics.json').write_text(
        json.dumps({'bbox/AP': 0.5, 'bbox/AR@1': 0.25})
    )
    assert run(gen_model_zoo, monkeypatch, '--check') == 1  # none yet
    assert run(gen_model_zoo, monkeypatch) == 0
    assert run(gen_model_zoo, monkeypatch, '--check') == 0
    before = (zoo / 'model_zoo.md').read_text()
    assert '1 config not measured here' in before
    assert 'download' not in before

    args = [training, NAME, '--out-dir', tmp_path / 'o', '--date', '20260102']
    args += ['--metrics', tmp_path / 'metrics.json', '--url', 'https://h/m/']
    assert run(publish_model, monkeypatch, *args) == 0
    (published,) = (tmp_path / 'o').iterdir()
    sha256 = file_sha256(published)
    url = f'https://h/m/{published.name}#sha256={sha256}'
    assert hub.published_weights(NAME) == url
    metafile = zoo / 'configs' / 'match_rcnn' / 'metafile.yml'
    assert metafile.read_text().startswith('# a header\nCollections:\n')

    capsys.readouterr()
    assert run(gen_model_zoo, monkeypatch, '--check') == 1
    assert 'model_zoo.md is out of date. Run' in capsys.readouterr().err
    assert (zoo / 'model_zoo.md').read_text() == before  # checks only
    assert run(gen_model_zoo, monkeypatch) == 0
    after = (zoo / 'model_zoo.md').read_text()
    assert 'Object Detection, D: AP 0.500 | ' in after
    assert f'| [download](https://h/m/{published.name})' in after


def test_weights_go_into_the_repository(zoo, training, monkeypatch, capsys):
    args = [training, NAME, '--zoo', '--license', 'MIT']
    args += ['--training-data', 'D, 3 images']
    assert run(publish_model, monkeypatch, *args) == 0
    (published,) = (zoo / 'weights').iterdir()
    sha256 = file_sha256(published)
    assert published.name == f'{NAME}-{sha256[:8]}.safetensors'
    (entry,) = hub.metafile_entries()
    assert entry['Weights'] == f'weights/{published.name}'
    assert entry['Metadata'] == {
        'Tasks': ['Object Detection'],
        'Dataset': 'D',
        'SHA-256': sha256,
        'File Size (MB)': round(published.stat().st_size / 1e6, 2),
        'Parameters (M)': 0.0,
        'FLOPs (G)': 0.125,
        'License': 'MIT',
        'Training Data': 'D, 3 images',
    }
    assert hub.published_weights(NAME) == str(published)
    # published again: the older file goes
    torch.save({'w': torch.zeros(2)}, training)
    assert run(publish_model, monkeypatch, *args[:3]) == 0
    (newer,) = (zoo / 'weights').iterdir()
    assert newer != published
    assert hub.published_weights(NAME) == str(newer)
    content = load_checkpoint_file(newer)
    assert content['state_dict']['w'].tolist() == [0, 0]
    assert hub.metafile_entries()[0]['Metadata']['License'] == 'MIT'


@pytest.mark.fault(19)
def test_a_path_of_the_config_writes_nothing_beside_it(
    zoo, training, tmp_path, monkeypatch, capsys
):
    config = zoo / 'configs' / 'match_rcnn' / f'{NAME}.py'
    args = [training, config, '--out-dir', tmp_path / 'o']
    assert run(publish_model, monkeypatch, *args, '--date', '20260102') == 0
    (published,) = (tmp_path / 'o').iterdir()
    assert published.name.startswith(f'{NAME}_20260102-')
    assert {path.name for path in config.parent.iterdir()} == {
        'metafile.yml',
        f'{NAME}.py',
    }


@pytest.mark.fault(19)
def test_user_errors_are_one_line_and_leave_nothing(
    zoo, training, tmp_path, monkeypatch, capsys
):
    out = tmp_path / 'o'
    bad = tmp_path / 'bad.json'
    bad.write_text('{"loss": 1}')
    cut = tmp_path / 'cut.json'
    cut.write_text('{"allshot')
    flat = tmp_path / 'flat.json'
    flat.write_text('[0.5]')
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': {'v': torch.ones(2)}}, other)
    for args, message in [
        ((training, 'no-such'), "no config 'no-such'"),
        ((tmp_path / 'none.pth', NAME), 'checkpoint not found'),
        ((other, NAME), 'weights of another model than'),
        ((training, NAME, '--date', '2026-01-02'), 'expected a day as'),
        ((training, NAME, '--date', '20261302'), 'expected a day as'),
        ((training, NAME, '--date', '202611'), 'expected a day as'),
        ((training, NAME, '--metrics', bad), 'no metric of Object Detection'),
        ((training, NAME, '--metrics', cut), 'cut.json: the metrics is not'),
        ((training, NAME, '--metrics', flat), 'expected {metric: number}'),
        ((training, NAME, '--zoo', '--url', 'https://a'), 'leave one out'),
        ((other, NAME, '--zoo'), 'weights of another model than'),
    ]:
        assert run(publish_model, monkeypatch, *args, '--out-dir', out) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count('\n') == 1
    assert not out.exists()
    assert not (zoo / 'weights').exists()


@pytest.fixture
def commands(zoo, tmp_path, monkeypatch):
    """A recipe of one model whose commands run in this process."""
    recipe = {
        'Name': NAME,
        'Checkpoint': '{work}/x.pth',
        'License': 'MIT',
        'Training Data': '3 images',
        'Aliases': ['match-rcnn:balanced'],
        'Steps': [
            {'Name': 'train', 'Command': 'python TRAIN', 'Minutes': 5},
        ],
        'Tests': [
            {'Options': ['a.b={data}/x']},
            {'Dataset': 'E', 'Options': []},
        ],
    }
    text = yaml.safe_dump({'Models': [recipe]})
    (zoo / 'configs' / 'match_rcnn' / 'zoo.yml').write_text(text)
    monkeypatch.setattr(catalog, 'root', lambda: zoo)
    work, ran = tmp_path / 'work', []

    def call(command, cwd, check):
        ran.append([Path(part).name for part in command[1:]])
        if 'TRAIN' in command:
            state = {'state_dict': {'w': torch.ones(2)}}
            work.mkdir(exist_ok=True)
            torch.save(state, work / 'x.pth')
        elif command[1].endswith('test.py'):
            out = Path(command[command.index('--out') + 1])
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps({'bbox/AP': 0.5}))
        else:
            tools = {'publish_model.py': publish_model}
            used = tools.get(Path(command[1]).name, gen_model_zoo)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, 'argv', list(command[1:]))
                used.main()
        return type('Done', (), {'returncode': 0})

    monkeypatch.setattr(recipes.subprocess, 'run', call)
    return work, ran


def test_a_recipe_ends_in_the_metafile(commands, zoo, monkeypatch, capsys):
    work, ran = commands
    args = ['--work-dir', work]
    assert run(zoo_tool, monkeypatch, *args, '--list') == 0
    assert 'about 0 h 5 min' in capsys.readouterr().out
    assert ran == []

    assert run(zoo_tool, monkeypatch, *args) == 0
    names = [command[0] for command in ran]
    assert names == ['TRAIN', 'publish_model.py', 'test.py', 'test.py']
    assert not (zoo / 'weights').exists()
    output = capsys.readouterr().out
    assert 'Object Detection, AP: 0.500 (not published)' in output
    assert ran[2][-2:] == ['--cfg-options', 'x']

    ran.clear()
    assert run(zoo_tool, monkeypatch, *args, '--publish') == 0
    assert 'TRAIN' not in [command[0] for command in ran]
    (file,) = (zoo / 'weights').iterdir()
    assert (work / 'weights' / file.name).read_bytes() == file.read_bytes()
    (entry,) = hub.metafile_entries()
    assert entry['Weights'] == f'weights/{file.name}'
    assert entry['Aliases'] == ['match-rcnn:balanced']
    assert [r['Dataset'] for r in entry['Results']] == ['D', 'E']
    assert entry['Metadata']['License'] == 'MIT'
    assert (zoo / 'model_zoo.md').is_file()
    assert Path(hub.fetch_weights('match-rcnn')) == file
