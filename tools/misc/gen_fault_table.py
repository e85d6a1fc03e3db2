# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Table of the kinds of faults that users met, and the tests that hold them.

A test names the fault that it holds by ``@pytest.mark.fault(NUMBER)``. Tests
are read as text.

Examples:
    python tools/misc/gen_fault_table.py          # write docs/dev/faults.md
    python tools/misc/gen_fault_table.py --check  # end with 1 if it is old
"""

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'dev' / 'faults.md'

#: Number -> the right behaviour.
FAULTS: dict[int, str] = {
    1: 'Weights are read as data on every way into a model: `init_cfg`, '
    '`load_from`, resume, teacher, perceptual network, detectors, converters.',
    2: 'An index of a gallery names a model of the zoo; any other config or '
    'checkpoint needs an option.',
    3: 'The download cache is keyed by URL; length and hash are checked, '
    'damaged files are fetched again.',
    4: 'Archives and images have size limits; devices, pipes and loops of '
    'links are refused.',
    5: 'Weights of another model are refused with a report; partial loading '
    'is a setting of the config.',
    6: 'RLE masks are read in training annotations; ignored items are counted '
    'in one line.',
    7: 'The EXIF orientation of training images is the same for sizes, pixels '
    'and boxes.',
    8: 'Transforms that move boxes move landmarks too, or are refused.',
    9: 'A training of zero steps is an error.',
    10: 'Pair ids of two datasets never collide.',
    11: 'A class count that does not fit the head is told when the model is '
    'built; snippets of README and docs run against the configs of the hosts.',
    12: 'Implausible masks, joints, DensePose and parse maps of try-on are '
    'noted; label sets are named by an option.',
    13: 'Re-identification metrics say over how many queries they are; MARS '
    'can be evaluated with the queries in the gallery.',
    14: 'Random erasing covers the box of its definition.',
    15: 'A converted SCAN checkpoint loads everywhere.',
    16: 'SCAN: features that are not finite, frozen batch norm, channels of '
    'flow, inputs that stay unchanged.',
    17: 'Results of equal base names do not overwrite each other.',
    18: 'A gallery index knows path, size, time and hash of its images; it is '
    'updated, pruned, described and locked.',
    19: 'Publishing checks the weights, the folder and the date first.',
    20: 'A damaged RLE is refused before it is decoded.',
    21: 'One extreme, damaged or looping file does not end a run over many.',
    22: 'Too little shared memory ends with one line.',
    23: 'Settings that leave nothing to evaluate are told when data are '
    'loaded.',
    24: 'GrabCut works at a bounded size.',
    25: 'Features of try-on are freed when a call ends.',
    26: 'Checkpoints are read in several threads without state of the '
    'process.',
    27: 'An error of any kind in one input does not end a run without its '
    'results.',
    28: 'Mutated input of any kind is one line that names file and place.',
    29: 'Raw folders in other spellings and formats, and configs with parts '
    'that do not fit, are told what to do.',
    30: 'A plain wheel works as far as its packages go and names what is '
    'missing.',
    31: 'A start is quiet, long work shows progress with the time left.',
    32: 'Sheets have equal cells and titles; one garment is drawn and '
    'searched once.',
    33: 'Tests depend on neither order nor load nor luck.',
}


def fault_numbers(node: ast.AST) -> Iterator[int]:
    """Yield the numbers of all ``fault`` markers below a node."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == 'fault'
        ):
            yield from (
                argument.value
                for argument in call.args
                if isinstance(argument, ast.Constant)
            )


def marked_tests(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and name of every marked test of a file."""
    tree = ast.parse(path.read_text())
    name = str(path.relative_to(ROOT / 'tests'))
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets = [t.id for t in node.targets if isinstance(t, ast.Name)]
            if targets == ['pytestmark']:
                yield from ((n, name) for n in fault_numbers(node))
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        marks = [
            n for mark in node.decorator_list for n in fault_numbers(mark)
        ]
        yield from ((number, f'{name}::{node.name}') for number in marks)
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    for mark in method.decorator_list:
                        test = f'{name}::{node.name}::{method.name}'
                        yield from ((n, test) for n in fault_numbers(mark))


def page() -> str:
    """Return the page as Markdown."""
    tests: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / 'tests').rglob('test_*.py')):
        for number, test in marked_tests(path):
            tests[number].add(test)
    lines = [
        '# Faults that users met, and the tests that hold them',
        '',
        'Written by `python tools/misc/gen_fault_table.py` from the markers '
        '`fault` of the tests.',
        '',
        '| | right behaviour | tests |',
        '|---|---|---|',
    ]
    for number, text in FAULTS.items():
        names = '<br>'.join(f'`{name}`' for name in sorted(tests[number]))
        lines.append(f'| {number} | {text} | {names or "none yet"} |')
    return '\n'.join([*lines, ''])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--check', action='store_true')
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if not PAGE.is_file() or PAGE.read_text() != page():
        print(f'{PAGE} is old: run python tools/misc/gen_fault_table.py')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
