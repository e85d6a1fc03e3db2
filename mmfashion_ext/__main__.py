# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Program ``mmfashion`` as ``python -m mmfashion_ext``."""

from .cli.app import main

if __name__ == '__main__':
    main()
