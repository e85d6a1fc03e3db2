# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Write model_zoo.md from the metafiles, the only source of its numbers."""

import argparse
import sys

from mmfashion_ext import hub
from mmfashion_ext.evaluation.model_zoo import generate_model_zoo
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def main() -> int:
    """Write or check the page; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--check',
        action='store_true',
        help='write nothing; exit with 1 when model_zoo.md is out of date',
    )
    args = parser.parse_args()
    root = hub.root()
    target, text = root / 'model_zoo.md', generate_model_zoo(root)
    if args.check:
        if target.is_file() and target.read_text(encoding='utf-8') == text:
            return 0
        print(
            f'{target} is out of date. Run: '
            'python tools/misc/gen_model_zoo.py',
            file=sys.stderr,
        )
        return 1
    with atomic_write(target) as temporary:
        temporary.write_text(text, encoding='utf-8')
    print(f'wrote {target}')
    return 0


if __name__ == '__main__':
    run_tool(main)
