# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Plain English: words that puzzle readers stay out (docs/dev/conventions)."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Pattern -> what to write instead. docs/dev/conventions.md shows this table.
WORDS = {
    r'(?<!there )\b(is|are) no (?!longer\b)': 'is not a',
    r'\bmend(s|ed|ing|able)?\b': 'fix',
    r'\bdata sets?\b': 'dataset',
    r'\btakes? the\b': 'use the',
    r'\bin three lines\b': 'say what it is',
    r'\b(some|every)body\b': 'a person, each person',
    r'\bwhoever\b': 'users who',
    r'\bof whom\b': 'of which persons',
}
#: In code alone; in docs it may stay for what people look at.
CODE_WORDS = {r'\bpictures?\b': 'image'}

EXEMPT = {'tests/test_words.py', 'docs/dev/conventions.md', 'LICENSE'}


def files(*endings):
    listed = subprocess.run(
        ['git', 'ls-files', *(f'*{ending}' for ending in endings)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split('\n') if not listed.returncode else []
    return [ROOT / name for name in names if name and name not in EXEMPT]


def found(paths, words):
    lines = []
    for path in paths:
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for pattern, better in words.items():
                if re.search(pattern, line, re.IGNORECASE):
                    lines.append(
                        f'{path.relative_to(ROOT)}:{number}: {line.strip()} '
                        f'-> {better}'
                    )
    return lines


def test_words_in_code_messages_and_docs():
    assert found(files('.py', '.md', '.toml', '.yml', '.sh'), WORDS) == []


def test_words_in_code():
    assert found(files('.py'), CODE_WORDS) == []


def test_the_words_are_found(tmp_path):
    """The test above can fail."""
    path = ROOT / 'x.py'
    negation, mend, *_ = WORDS
    assert re.search(negation, 'it is no file')
    assert not re.search(negation, 'it is no longer a file')
    assert re.search(mend, 'mend it')
    assert not re.search(mend, 'recommend it')
    assert found([path], WORDS) == []


@pytest.mark.parametrize('pattern', [*WORDS, *CODE_WORDS])
def test_conventions_name_every_word(pattern):
    """The page shows the words that this test forbids."""
    better = {**WORDS, **CODE_WORDS}[pattern]
    text = (ROOT / 'docs' / 'dev' / 'conventions.md').read_text()
    row = next(
        (line for line in text.splitlines() if re.search(pattern, line, re.I)),
        '',
    )
    assert better in row, (pattern, better)


def test_first_lines_say_what_a_module_is():
    """A module's docstring starts with a statement, not with a riddle."""
    for path in files('.py'):
        if path.parts[-2] == '_base_' or 'configs' in path.parts:
            continue
        if not path.is_file() or 'tests' in path.parts:
            continue
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, f'{path}: no docstring'
        first = docstring.splitlines()[0]
        assert first.endswith(('.', '::')), f'{path}: {first}'
        assert not first.endswith('?'), f'{path}: {first}'
