# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import yaml

from mmfashion_ext.zoo.model_card import model_card

NAME = 'scan_r10-small_1xb32-12e_synthetic-64x32'
CONFIG = {
    'license': 'CC-BY-4.0',
    'training_data': 'a | b\n# heading',
    'sha256': '0' * 64,
    'options': {},
}


def test_a_card_says_what_the_model_is(tmp_path):
    file = tmp_path / 'w'
    file.write_bytes(bytes(1_500_000))
    card = model_card(NAME, CONFIG, {'mAP': 0.5}, 'org/name', file)
    _, head, text = card.split('---\n', 2)
    assert yaml.safe_load(head) == {
        'license': 'cc-by-4.0',
        'library_name': 'mmfashion_ext',
        'pipeline_tag': 'image-feature-extraction',
        'tags': ['fashion', 'scan', 'openmmlab'],
    }
    assert '# org/name' in text
    assert '1.5 MB of safetensors' in text
    assert '| mAP | 0.500 |' in text
    assert 'https://arxiv.org/abs/1807.05688' in text
    assert "build_inferencer('hf-hub:org/name')" in text
    assert '**Trained on**: a / b # heading' in text
    assert 'Options' not in text


def test_options_and_nothing_measured(tmp_path):
    file = tmp_path / 'w'
    file.touch()
    config = CONFIG | {'options': {'model.depth': 34}}
    card = model_card(NAME, config, {}, '', file)
    assert '| `model.depth` | `34` |' in card
    assert 'Measured' not in card
    assert "build_inferencer('local-dir:FOLDER')" in card
