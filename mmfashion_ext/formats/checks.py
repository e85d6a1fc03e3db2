# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Checks of annotation files, declared as tables: field -> rule.

Example::

    BOX = {'image_id': Integer(), 'bbox': Numbers(4, 'x, y, w, h in px')}
    require(entry, BOX, f'{path}: entry {index}')
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import UserError
from .rules import OptionalField, Rule, is_integer, show


class Problem(NamedTuple):
    """What is wrong with a record.

    Attributes:
        field (str): The field; '' if the whole record is concerned.
        text (str): End of a sentence about the record.
    """

    field: str
    text: str


#: Field -> rule; None: the field must be there, with any value.
Fields = Mapping[str, Rule | None]


@dataclass(frozen=True)
class Record:
    """Rule for an object with certain fields.

    Attributes:
        fields (Fields): The table of its fields.
    """

    fields: Fields

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        for field, text in find_problems(value, self.fields):
            if field:
                return f'.{text.removeprefix("has ")}'
            return f' that {text}'
        return ''


def find_problems(record: object, fields: Fields) -> Iterator[Problem]:
    """Compare a record with a table of fields.

    Args:
        record (object): What should be a dict.
        fields (Fields): What its fields must be; others are not looked at.

    Yields:
        Problem: What is wrong. If the record is not a dict or lacks a field,
        that alone.
    """
    if not isinstance(record, dict):
        yield Problem('', f'is {show(record)}, expected an object')
        return
    missing = [
        name
        for name, rule in fields.items()
        if name not in record and not isinstance(rule, OptionalField)
    ]
    if missing:
        yield Problem('', f'lacks {", ".join(missing)}')
        return
    for name, rule in fields.items():
        if rule is None or name not in record:
            continue
        if problem := rule(record[name]):
            yield Problem(name, f'has {name}{problem}')


def require(
    record: object,
    fields: Fields,
    where: str,
    remedy: str = '',
    error: type[UserError] = UserError,
) -> None:
    """Check a record.

    Args:
        record (object): What should be a dict.
        fields (Fields): What its fields must be.
        where (str): File and place, the start of the message.
        remedy (str): What to do about it, the end of the message.
        error (type[UserError]): Class of the error.

    Raises:
        UserError: The first thing that is wrong, in one line.
    """
    for problem in find_problems(record, fields):
        raise error(_sentence(where, problem.text, remedy))


def require_all(
    records: Iterable[object],
    fields: Fields,
    where: str,
    remedy: str = '',
    error: type[UserError] = UserError,
) -> None:
    """Check all records of a list.

    Args:
        records (Iterable[object]): What should be dicts.
        fields (Fields): What the fields of each must be.
        where (str): File and kind of record: ``'a.json: annotation'``. The
            message adds the record's ``id``, or its number from 0.
        remedy (str): What to do about it, the end of the message.
        error (type[UserError]): Class of the error.

    Raises:
        UserError: The first thing that is wrong, in one line.
    """
    for index, record in enumerate(records):
        for problem in find_problems(record, fields):
            place = name_record(record, index)
            raise error(_sentence(f'{where} {place}', problem.text, remedy))


def name_record(record: object, index: int) -> str:
    """Return the id of a record if it has one, else ``'number INDEX'``."""
    if isinstance(record, dict) and is_integer(record.get('id')):
        return str(record['id'])
    return f'number {index}'


def list_problem(value: object, what: str) -> str:
    """Return what is wrong with what should be a list; '' if it is one."""
    if isinstance(value, list):
        return ''
    kind = 'object' if isinstance(value, dict) else type(value).__name__
    return f'holds {_article(kind)} {kind}, expected a list of {what}'


def parse_integers(columns: Sequence[str], digits: int = 9) -> list[int]:
    """Parse the columns of a text file.

    Args:
        columns (Sequence[str]): Each an integer, zeros in front allowed.
        digits (int): At most so many digits, leading zeros not counted.

    Raises:
        ValueError: What is wrong, as the end of a sentence: "has 'x',
            expected an integer".
    """
    numbers = []
    for text in columns:
        number = parse_integer(text)
        if number is None:
            raise ValueError(f'has {show(text)}, expected an integer')
        if abs(number) >= 10**digits:
            raise ValueError(
                f'has {text:.50}, expected an integer of at most {digits} '
                'digits'
            )
        numbers.append(number)
    return numbers


def parse_integer(text: str) -> int | None:
    """Parse an integer of ASCII digits; None if it is not one."""
    found = re.fullmatch(r'\s*([+-]?)0*([0-9]+)\s*', text)
    if not found:
        return None
    sign, digits = found.groups()
    # int() refuses thousands of digits, so they are cut to something too big
    return int(sign + digits[:30])


def _sentence(where: str, text: str, remedy: str) -> str:
    return f'{where} {text}; {remedy}' if remedy else f'{where} {text}'


def _article(noun: str) -> str:
    return 'an' if noun[0] in 'aeiou' else 'a'
