# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Model card of a shared model: README.md with Hugging Face's metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .description import describe

#: System -> kind of model on Hugging Face.
_PIPELINE_TAGS = {
    'match_rcnn': 'object-detection',
    'landmark': 'keypoint-detection',
    'scan': 'image-feature-extraction',
    'tryon': 'image-to-image',
}
#: System -> how its inferencer is called.
_CALLS = {
    'match_rcnn': "'photo.jpg'",
    'landmark': "'garment.jpg'",
    'scan': "'query/', 'gallery/'",
    'tryon': "'person.jpg', 'cloth.jpg'",
}


def model_card(
    base: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, float],
    repository: str,
    weights: Path,
) -> str:
    """Return the text of a model card.

    Args:
        base (str): Name of the config of this package.
        config (Mapping[str, Any]): What ``config.json`` holds.
        metrics (Mapping[str, float]): Name -> value 0-1; may be empty.
        repository (str): ``org/name``, may be empty.
        weights (Path): Its file.

    Returns:
        str: Markdown that begins with YAML.
    """
    known = describe(base)
    system = known['system'] or ''
    head = {
        'license': str(config['license']).lower(),
        'library_name': 'mmfashion_ext',
        'pipeline_tag': _PIPELINE_TAGS.get(system, 'other'),
        'tags': ['fashion', system.replace('_', '-'), 'openmmlab'],
    }
    name = f'hf-hub:{repository}' if repository else 'local-dir:FOLDER'
    title = repository or base
    size = weights.stat().st_size / 1e6
    paper = known['paper']
    lines = [
        '---',
        yaml.safe_dump(head, sort_keys=False).rstrip(),
        '---',
        '',
        f'# {_one_line(title)}',
        '',
        f'A model of mmfashion_ext for: {", ".join(known["tasks"])}. It is '
        f'the config `{base}`'
        + (' with the options below.' if config['options'] else '.'),
        '',
        f'- **Paper**: [{paper["title"]}]({paper["url"]})',
        f'- **Trained on**: {_one_line(config["training_data"])}',
        f'- **Licence of the weights**: {_one_line(config["license"])}',
        f'- **Weights**: {size:.1f} MB of safetensors, SHA-256 '
        f'`{config["sha256"]}`',
        '',
        '## Use',
        '',
        '```python',
        'import mmfashion_ext',
        '',
        f'infer = mmfashion_ext.build_inferencer({name!r})',
        f'result = infer({_CALLS.get(system, "...")})',
        '```',
        '',
        'No code in these files is run: the config names one of the package '
        'and changes numbers and words in it.',
    ]
    if metrics:
        lines += ['', '## Measured', '', '| metric | value |', '|---|---|']
        lines += [f'| {_one_line(k)} | {v:.3f} |' for k, v in metrics.items()]
    if config['options']:
        lines += ['', '## Options', '', '| key | value |', '|---|---|']
        options = config['options'].items()
        lines += [f'| `{key}` | `{value!r}` |' for key, value in options]
    return '\n'.join(lines) + '\n'


def _one_line(text: object) -> str:
    return ' '.join(str(text).replace('|', '/').split())
