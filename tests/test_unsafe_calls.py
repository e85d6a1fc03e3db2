# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Calls that run code from data, or write outside a folder, in few places.

A checkpoint, an archive or a name that a stranger made must never be executed.
Each exception names why it is safe; an entry that is no longer needed fails.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ('mmfashion_ext', 'tools', 'demo', 'benchmarks', 'configs')
    for path in (ROOT / folder).rglob('*.py')
    if '.mim' not in path.parts
)
#: Calls that are refused: the end of the dotted name.
UNSAFE = (
    'torch.load',
    'pickle.load',
    'pickle.loads',
    'pickle.Unpickler',
    'marshal.load',
    'marshal.loads',
    'shelve.open',
    'joblib.load',
    'os.system',
    'os.popen',
    'tempfile.mktemp',
    'eval',
    'exec',
    'compile',
    'extractall',
    'unpack_archive',
    'yaml.load',
    'yaml.unsafe_load',
)
#: (file, call) -> why it is safe there.
ALLOWED = {
    ('mmfashion_ext/utils/checkpoint.py', 'torch.load'): (
        'with the unpickler of utils/safe_pickle.py, which builds tensors '
        'and plain values alone'
    ),
    ('mmfashion_ext/publish.py', 'torch.load'): (
        'with weights_only, of a file written a moment before; or with '
        '--trust, of a checkpoint that the user calls their own'
    ),
    ('mmfashion_ext/evaluation/metafile.py', 'yaml.load'): (
        'with a subclass of SafeLoader'
    ),
    ('mmfashion_ext/formats/archives.py', 'extractall'): (
        'after every member was checked'
    ),
    ('tools/setup_env/wheels.py', 'extractall'): (
        "with filter='data', of a source distribution whose hash is checked"
    ),
    ('tools/misc/run_notebooks.py', 'exec'): 'of the notebooks given to it',
    ('tools/misc/run_notebooks.py', 'compile'): 'of the notebooks given to it',
    ('demo/tour/steps.py', 'exec'): 'of the code that the page shows',
    ('demo/tour/steps.py', 'compile'): 'of the code that the page shows',
}


def unsafe_calls(source):
    """Return the unsafe calls in a module, each by its name in the list."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        found += [
            call
            for call in UNSAFE
            if name == call
            or (
                name.endswith(f'.{call}')
                and ('.' in call or call.startswith(('extract', 'unpack')))
            )
        ]
        for keyword in node.keywords:
            value = getattr(keyword.value, 'value', None)
            if keyword.arg == 'shell' and value is not False:
                found.append('shell=True')
            if keyword.arg == 'allow_pickle' and value is not False:
                found.append('allow_pickle=True')
    return found


def test_unsafe_calls_are_where_they_are_known_to_be_safe():
    found = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in FILES
        for call in unsafe_calls(path.read_text(encoding='utf-8'))
    }
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), 'remove these exceptions'


@pytest.mark.parametrize(
    ('source', 'expected'),
    [
        ('import torch\nx = torch.load(path)', ['torch.load']),
        ('pickle.loads(b)', ['pickle.loads']),
        ('eval(text)', ['eval']),
        ('model.eval()', []),
        ('re.compile(p)', []),
        ('tar.extractall(folder)', ['extractall']),
        ('subprocess.run(c, shell=True)', ['shell=True']),
        ('subprocess.run(c, shell=flag)', ['shell=True']),
        ('np.load(p, allow_pickle=True)', ['allow_pickle=True']),
        ('np.load(p, allow_pickle=False)', []),
        ('yaml.safe_load(t)', []),
    ],
)
def test_what_counts_as_unsafe(source, expected):
    assert unsafe_calls(source) == expected
