# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Counts that tell how the package reads: lengths, circles, docstrings.

Examples:
    python tools/misc/code_counts.py
    python tools/misc/code_counts.py --root ANOTHER_CHECKOUT
"""

import argparse
import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from import_graph import PACKAGE, ROOT, ImportGraph

#: A tuple of sizes in a docstring, such as ``(N, 4)`` or ``(h, w, 3)``.
_SHAPE = re.compile(
    r'\((?:[A-Za-z0-9_.]+(?:\[[^\]]*\])?|\.\.\.)'
    r'(?:, ?(?:[A-Za-z0-9_. *+/-]+|\.\.\.))+,?\)'
)
_NO_SHAPE = re.compile(r'optional|str|[a-z]{5,}.*[a-z]{5,}')


def names_a_shape(docstring: str) -> bool:
    """Return whether a docstring names the shape of an array or a size."""
    return any(
        not _NO_SHAPE.search(found.group())
        for found in _SHAPE.finditer(docstring)
    )


def public_docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of public functions, classes and methods."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) or node.name.startswith('_'):
            continue
        docstring = ast.get_docstring(node)
        if docstring:
            yield docstring
        if isinstance(node, ast.ClassDef):
            yield from public_docstrings(node)


def functions_of(tree: ast.AST) -> list[ast.FunctionDef]:
    """Return all functions and methods, inner ones included."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def end(node: ast.stmt) -> int:
    """Return the last line of a statement."""
    return node.end_lineno or node.lineno


def lines_of_code(function: ast.FunctionDef) -> int:
    """Count the lines of a function, its docstring left out."""
    lines = end(function) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= end(docstring) - docstring.lineno + 1
    return lines


def counts(graph: ImportGraph) -> dict[str, int | float]:
    """Count what tells how a code base reads."""
    files = [p for n, p in graph.modules.items() if n.startswith(PACKAGE)]
    texts = [path.read_text() for path in files]
    trees = [ast.parse(text) for text in texts]
    functions = [function for tree in trees for function in functions_of(tree)]
    lengths = [end(node) - node.lineno + 1 for node in functions]
    docs = [doc for tree in trees for doc in public_docstrings(tree)]
    shaped = sum(map(names_a_shape, docs))
    return {
        'files': len(files),
        'lines': sum(text.count('\n') for text in texts),
        'files over 400 lines': sum(t.count('\n') > 400 for t in texts),
        'functions': len(lengths),
        'functions over 60 lines': sum(length > 60 for length in lengths),
        'functions over 60 lines of code': sum(
            lines_of_code(node) > 60 for node in functions
        ),
        'import circles': len(graph.circles()),
        'imports against the table': len(graph.problems()),
        'pairs of files that share 6 lines of code': repeated(texts),
        'public docstrings': len(docs),
        'of them with shapes, %': round(100 * shaped / max(len(docs), 1), 1),
    }


def without_docstrings(text: str) -> list[str]:
    """Return the lines of a source, those of its docstrings left empty."""
    lines = text.splitlines()
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            count = end(docstring) - docstring.lineno + 1
            lines[docstring.lineno - 1 : end(docstring)] = [''] * count
    return lines


def repeated(texts: list[str], size: int = 6) -> int:
    """Count the pairs of files that share a run of equal lines of code.

    Args:
        texts (list[str]): Sources. Docstrings, blank lines, comments, imports
            and lone brackets are passed over.
        size (int): Lines of the shortest run. Defaults to 6.

    Returns:
        int: Pairs of files (a file pairs with itself too).
    """
    seen: dict[tuple[str, ...], set[int]] = defaultdict(set)
    runs: Counter[tuple[int, int]] = Counter()
    for number, text in enumerate(texts):
        lines = [line.strip() for line in without_docstrings(text)]
        lines = [
            line
            for line in lines
            if len(line) > 3 and not line.startswith(('#', 'import', 'from'))
        ]
        for start in range(len(lines) - size + 1):
            window = tuple(lines[start : start + size])
            for other in seen[window]:
                runs[other, number] += 1
            seen[window].add(number)
    return len(runs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--root', type=Path, default=ROOT, help='repository; default: this one'
    )
    graph = ImportGraph(parser.parse_args().root)
    for name, number in counts(graph).items():
        print(f'{name}: {number}')


if __name__ == '__main__':
    main()
