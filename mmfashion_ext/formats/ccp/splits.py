# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Splits of Clothing Co-Parsing: which photographs are for what.

The dataset is published without splits. Of its 1,004 photographs with pixel
labels, 104 are for validation, 200 for the test and the other 700 for
training. A file ``train.txt``, ``validation.txt`` or ``test.txt`` beside the
photographs, a stem a line, names another split.
"""

from pathlib import Path
from typing import Literal, get_args

from ...errors import UserError
from ...utils.sources import check_regular_file
from ..defects import Defect
from ..rules import show

CCPSplit = Literal['train', 'validation', 'test', 'all']
#: Names of the splits; ``all`` is every photograph with pixel labels.
SPLITS: tuple[CCPSplit, ...] = get_args(CCPSplit)
#: Photographs with pixel labels are 0001 to 1004, those with tags alone follow
#: to 2098.
NUM_LABELLED = 1004
NUM_TAGGED = 1094

_VALIDATION = (
    '11 44 46 48 54 58 66 69 70 74 79 82 93 120 124 129 140 157 159 181 182 '
    '190 195 202 204 205 237 240 243 252 255 291 298 305 307 309 312 315 321 '
    '330 332 359 379 384 387 420 428 437 441 450 465 469 492 503 522 523 526 '
    '540 544 546 547 557 587 594 596 601 612 618 620 632 649 664 671 673 703 '
    '704 710 712 716 726 734 735 742 760 764 776 781 790 809 815 819 828 834 '
    '856 864 870 886 900 908 935 949 971 987 993'
)
_TEST = (
    '14 19 21 22 27 35 36 52 61 62 63 65 72 75 77 78 80 83 94 95 97 99 110 '
    '113 118 127 128 146 147 150 165 166 171 174 178 184 193 196 197 200 212 '
    '215 219 220 234 246 254 256 257 258 261 266 267 269 297 306 313 318 320 '
    '324 333 335 341 345 352 354 363 365 373 377 378 381 382 392 395 406 407 '
    '410 414 415 417 426 427 429 444 447 449 453 460 462 464 472 474 480 481 '
    '482 484 497 498 500 511 516 519 525 529 537 548 550 552 558 560 566 571 '
    '577 581 585 588 598 602 605 606 621 633 640 644 650 652 654 662 663 672 '
    '678 685 687 693 694 708 711 714 727 730 736 744 748 750 752 756 758 759 '
    '763 767 773 779 802 807 813 820 822 825 837 838 839 841 845 848 849 858 '
    '865 866 868 877 878 879 882 885 892 899 902 907 910 913 914 916 917 918 '
    '921 926 934 946 950 959 960 969 976 979 981 983 985 989 1000'
)


def default_stems(split: CCPSplit) -> tuple[str, ...]:
    """Return the stems (``'0001'``) of a split of the original dataset.

    Args:
        split (str): One of :data:`SPLITS`.
    """
    parts = {
        'validation': _numbers(_VALIDATION),
        'test': _numbers(_TEST),
        'all': list(range(1, NUM_LABELLED + 1)),
    }
    held_out = {*parts['validation'], *parts['test']}
    parts['train'] = [n for n in parts['all'] if n not in held_out]
    return tuple(f'{number:04d}' for number in parts[split])


def read_split(
    root: Path, split: CCPSplit
) -> tuple[list[str] | None, list[Defect]]:
    """Read the stems of a split from its list, if there is one.

    Args:
        root (Path): Folder of the dataset.
        split (str): ``train``, ``validation`` or ``test``.

    Returns:
        tuple[list[str] | None, list[Defect]]: The stems, each once, in the
        order of the list, and what is wrong with the list: a stem twice, or
        in another split too. None: there is no list.

    Raises:
        UserError: The list cannot be read, or is empty.
    """
    path = _list(root, split)
    if not path.exists():
        return None, []
    lines = _read_lines(path)
    stems = {stem: number for number, stem in reversed(lines)}
    if not stems:
        raise UserError(
            f'{path} names no photograph; expected stems such as 0001, one a '
            f'line, or no file for the split that the package has'
        )
    defects = [
        Defect(
            path.name,
            f'line {number}',
            f'{show(stem)} stands in line {stems[stem]} already',
            'remove one of them',
            fatal=False,
        )
        for number, stem in lines
        if stems[stem] != number
    ]
    for other in ('train', 'validation', 'test'):
        if other == split or not _list(root, other).exists():
            continue
        others = {stem: line for line, stem in _read_lines(_list(root, other))}
        defects += [
            Defect(
                path.name,
                f'line {stems[stem]}',
                f'{show(stem)} is in {other}.txt (line {others[stem]}) too',
                'remove it from one of them: a model would be tested on what '
                'it was trained on',
            )
            for stem in sorted(stems.keys() & others.keys())
        ]
    return sorted(stems, key=lambda stem: stems[stem]), defects


def _list(root: Path, split: str) -> Path:
    return root / f'{split}.txt'


def _read_lines(path: Path) -> list[tuple[int, str]]:
    """Return numbers (from 1) and stems of the lines that are not empty."""
    check_regular_file(path)
    lines = path.read_text('utf-8-sig', 'replace').splitlines()
    return [
        (number, line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split()]
