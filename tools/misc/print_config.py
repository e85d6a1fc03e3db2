# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Print a config with all that it inherits, or write it as one file.

Examples:
    python tools/misc/print_config.py CONFIG
    python tools/misc/print_config.py CONFIG --key optim_wrapper.optimizer
    python tools/misc/print_config.py CONFIG --out whole.py
"""

import argparse
from pathlib import Path

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool

_ENDINGS = ('.py', '.json', '.yml', '.yaml')


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.runner import add_config_arguments

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--key', metavar='A.B', help='print this setting alone'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE',
        help='write it, without what it inherits from, instead of printing: '
        '.py, .json or .yml',
    )
    return parser.parse_args()


def main() -> None:
    """Print or write the config."""
    args = parse_args()
    from mmengine.config import Config

    from mmfashion_ext.runner import read_config
    from mmfashion_ext.utils.files import make_folder

    cfg = read_config(args)
    if args.key:
        cfg = Config({args.key: setting(cfg, args.key)})
    if args.out is None:
        print(cfg.pretty_text.rstrip())
        return
    if args.out.suffix not in _ENDINGS:
        raise UserError(
            f'--out {args.out}: expected a file that ends with '
            f'{", ".join(_ENDINGS)}'
        )
    make_folder(args.out.parent)
    cfg.dump(args.out)
    print(f'wrote {args.out}')


def setting(cfg: object, key: str) -> object:
    """Return a setting of a config by its path: ``model.backbone.depth``.

    Raises:
        UserError: The config does not have it.
    """
    node = cfg
    for part in key.split('.'):
        try:
            node = node[int(part) if isinstance(node, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            known = [*node] if hasattr(node, 'keys') else []
            raise UserError(
                f'--key {key}: the config has no {part!r} there'
                + (f'; there are {", ".join(known)}' if known else '')
            ) from None
    return node


if __name__ == '__main__':
    run_tool(main)
