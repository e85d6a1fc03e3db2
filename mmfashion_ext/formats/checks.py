# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Checks of annotation files, declared as tables: field -> rule.

A rule says what a value must be. Its ``problem`` is empty if the value obeys
it, and else goes on after "has FIELD": `` 'x', expected an integer``. Neither
rules nor tables raise an exception, whatever JSON or a user's Python holds:
objects of a wrong type, unhashable or deeply nested ones, None, NaN, numbers
of any size.

Example::

    BOX = {'image_id': Integer(), 'bbox': Numbers(4, 'x, y, w, h in px')}
    require(entry, BOX, f'{path}: entry {index}')
"""

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ..errors import UserError

#: Longest side of an image, and largest coordinate, in annotations, px.
MAX_SIDE = 1_000_000
_MAX_INTEGER = 2**63 - 1  # what NumPy and PyTorch hold

_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxlist, _repr.maxdict = 3, 5, 3
_repr.maxstring = _repr.maxlong = _repr.maxother = 50


class Rule(Protocol):
    """What a value must be."""

    def problem(self, value: object) -> str:
        """Return what is wrong, to follow the field's name; '' if nothing."""


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


def show(value: object) -> str:
    """Return a short ``repr`` in one line, of whatever depth and length."""
    try:
        return ' '.join(_repr.repr(value).split())
    except (ValueError, RecursionError):  # an integer of too many digits
        return f'a {type(value).__name__}'


def is_integer(value: object) -> bool:
    """Check for an integer of 64 bits; booleans are none."""
    return (
        isinstance(value, int | np.integer)
        and not isinstance(value, bool)
        and abs(int(value)) <= _MAX_INTEGER
    )


def as_numbers(value: object, kinds: str = 'iuf') -> np.ndarray | None:
    """Return numbers as an array; None if they are not numbers.

    Args:
        value (object): A number, lists of numbers of equal length, or an
            array.
        kinds (str): NumPy's ``dtype.kind`` that are accepted.

    Returns:
        np.ndarray | None: Of any shape, of the dtype that NumPy chooses.
    """
    try:
        numbers = np.asarray(value)
    # lists of different lengths, or nested deeper than NumPy can
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return numbers if numbers.dtype.kind in kinds else None


@dataclass(frozen=True)
class Integer:
    """An integer of 64 bits.

    Attributes:
        low, high (int, optional): Least and greatest value.
        note (str): What it means, for the message.
    """

    low: int | None = None
    high: int | None = None
    note: str = ''

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        if is_integer(value) and _is_within(value, self.low, self.high):
            return ''
        limits = _describe_limits(self.low, self.high)
        expected = f'an integer{limits}{_bracket(self.note)}'
        return f' {show(value)}, expected {expected}'


@dataclass(frozen=True)
class Number:
    """A finite number, not a boolean.

    Attributes:
        low, high (float, optional): Least and greatest value.
        note (str): What it means, for the message.
    """

    low: float | None = None
    high: float | None = None
    note: str = ''

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        number = as_numbers(value)
        if (
            number is not None
            and number.ndim == 0
            and np.isfinite(number)
            and _is_within(number, self.low, self.high)
        ):
            return ''
        limits = _describe_limits(self.low, self.high)
        expected = f'a finite number{limits}{_bracket(self.note)}'
        return f' {show(value)}, expected {expected}'


@dataclass(frozen=True)
class Numbers:
    """A list or array of finite numbers.

    Attributes:
        count (int, optional): How many. None: any number of them.
        note (str): What they mean, for the message.
        limit (float): Largest absolute value.
    """

    count: int | None = None
    note: str = ''
    limit: float = float('inf')

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        count = '' if self.count is None else f'{self.count} '
        expected = f'expected {count}finite numbers{_bracket(self.note)}'
        numbers = as_numbers(value)
        if isinstance(value, list) and not value:
            numbers = np.zeros(0)
        if numbers is None and isinstance(value, list):
            for index, member in enumerate(value):
                number = as_numbers(member)
                if number is None or number.ndim:
                    return f'[{index}] {show(member)}, {expected}'
        if numbers is None or numbers.ndim == 0:
            return f' {show(value)}, {expected}'
        if numbers.ndim > 1:
            return f' of shape {numbers.shape}, {expected} in a flat list'
        if self.count not in (None, len(numbers)):
            return f' of {len(numbers)} numbers, {expected}'
        bad = ~np.isfinite(numbers)
        if bad.any():
            return f' with {numbers[bad][0]}, {expected}'
        bad = np.abs(numbers) > self.limit
        if bad.any():
            return f' with {numbers[bad][0]}, {expected} to {self.limit:g}'
        return ''


@dataclass(frozen=True)
class Array:
    """An array of a certain shape.

    Attributes:
        shape (tuple[int | str, ...]): A number, or a letter for any length.
        kinds (str): NumPy's ``dtype.kind`` that are accepted.
        below (int, optional): If given, the values are ids, whole numbers
            from 0 to ``below - 1``.
        note (str): What the values mean, for the message.
    """

    shape: tuple[int | str, ...]
    kinds: str = 'iuf'
    below: int | None = None
    note: str = ''

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        array = np.asarray(value)
        if (
            array.dtype.kind not in self.kinds
            or array.ndim != len(self.shape)
            or any(
                isinstance(size, int) and size != length
                for size, length in zip(self.shape, array.shape, strict=True)
            )
        ):
            shape = ', '.join(map(str, self.shape))
            return (
                f' of shape {array.shape} and dtype {array.dtype}, expected '
                f'({shape}){_bracket(self.note)}'
            )
        if self.below is None:
            return ''
        wrong = ~((array >= 0) & (array < self.below) & (array % 1 == 0))
        if not wrong.any():
            return ''
        found = np.unique(array[wrong]).tolist()
        more = f' and {len(found) - 5} more' if len(found) > 5 else ''
        return (
            f' {", ".join(map(str, found[:5]))}{more}, expected whole numbers '
            f'from 0 to {self.below - 1}{_bracket(self.note)}'
        )


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Attributes:
        values (tuple): The values, of the right type: True is not 1.
    """

    values: tuple[int | str, ...]

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        if any(type(value) is type(v) and value == v for v in self.values):
            return ''
        *first, last = map(repr, self.values)
        expected = f'{", ".join(first)} or {last}' if first else last
        return f' {show(value)}, expected {expected}'


@dataclass(frozen=True)
class Text:
    """A text that is not empty and could name a file.

    Attributes:
        what (str): What it is, for the message.
    """

    what: str = 'a text'

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        if isinstance(value, str) and value and '\0' not in value:
            return ''
        return f' {show(value)}, expected {self.what}'


@dataclass(frozen=True)
class ListOf:
    """A list whose members all obey one rule.

    Attributes:
        rule (Rule): For each member.
        what (str): What the members are, plural, for the message.
        count (int, optional): How many. None: any number of them.
    """

    rule: Rule
    what: str
    count: int | None = None

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        count = '' if self.count is None else f'{self.count} '
        expected = f'expected a list of {count}{self.what}'
        if not isinstance(value, list | tuple):
            return f' {show(value)}, {expected}'
        if self.count not in (None, len(value)):
            return f' of {len(value)} entries, {expected}'
        for index, member in enumerate(value):
            if problem := self.rule.problem(member):
                return f'[{index}]{problem}'
        return ''


@dataclass(frozen=True)
class Record:
    """An object with certain fields.

    Attributes:
        fields (Fields): The table of its fields.
    """

    fields: Fields

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        for field, text in find_problems(value, self.fields):
            if field:
                return f'.{text.removeprefix("has ")}'
            return f' that {text}'
        return ''


@dataclass(frozen=True)
class OptionalField:
    """A field that may be missing.

    Attributes:
        rule (Rule): For its value, if it is there.
    """

    rule: Rule

    def problem(self, value: object) -> str:
        """See :class:`Rule`."""
        return self.rule.problem(value)


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
        if problem := rule.problem(record[name]):
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


def _is_within(value: object, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _describe_limits(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ''
    if high is None:
        return f' of {low} or more'
    return f' from {low} to {high}' if low is not None else f' up to {high}'


def _bracket(note: str) -> str:
    return f' ({note})' if note else ''


def _article(noun: str) -> str:
    return 'an' if noun[0] in 'aeiou' else 'a'
