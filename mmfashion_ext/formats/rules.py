# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rules that a value of an annotation file must obey.

A rule is a callable. ``rule(value)`` is '' if the value obeys it, and else
what is wrong, to be read after the name of the field: " 'x', expected an
integer". A dataset can add rules of its own. No rule raises an exception,
whatever JSON or a user's Python holds: objects of a wrong type,
unhashable or deeply nested ones, None, NaN, numbers of any size.
"""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

#: Longest side of an image, and largest coordinate, in annotations, px.
MAX_SIDE = 1_000_000
_MAX_INTEGER = 2**63 - 1  # what NumPy and PyTorch hold

_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxlist, _repr.maxdict = 3, 5, 3
_repr.maxstring = _repr.maxlong = _repr.maxother = 50


class Rule(Protocol):
    """What a value must be: a callable that says what is wrong."""

    def __call__(self, value: object) -> str:
        """Return what is wrong, to follow the field's name; '' if nothing."""


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

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
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

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
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
    """A flat list or array of finite numbers, such as a box (x, y, w, h).

    Attributes:
        count (int | tuple[int, ...], optional): How many. None: any number.
        note (str): What they mean, for the message.
        limit (float): Largest absolute value.
    """

    count: int | tuple[int, ...] | None = None
    note: str = ''
    limit: float = float('inf')

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        counts = self.count or ()
        if isinstance(counts, int):
            counts = (counts,)
        count = f'{_join(counts)} ' if counts else ''
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
        if counts and len(numbers) not in counts:
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
    """An array of a certain shape, such as (h, w, 2).

    Attributes:
        shape (tuple[int | str, ...]): Numbers, and letters for any length:
            ``('h', 'w', 2)``.
        kinds (str): NumPy's ``dtype.kind`` that are accepted.
        below (int, optional): If given, the values are ids, whole numbers
            from 0 to ``below - 1``.
        note (str): What the values mean, for the message.
    """

    shape: tuple[int | str, ...]
    kinds: str = 'iuf'
    below: int | None = None
    note: str = ''

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
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

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if any(type(value) is type(v) and value == v for v in self.values):
            return ''
        return f' {show(value)}, expected {_join(self.values)}'


@dataclass(frozen=True)
class Text:
    """A text that is not empty and could name a file.

    Attributes:
        what (str): What it is, for the message.
    """

    what: str = 'a text'

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if isinstance(value, str) and value and '\0' not in value:
            return ''
        return f' {show(value)}, expected {self.what}'


@dataclass(frozen=True)
class ListOf:
    """A list whose members all obey one rule.

    Attributes:
        rule (Rule, optional): For each member. None: it is not looked at.
        what (str): What the members are, plural, for the message.
        count (int, optional): How many. None: any number of them.
    """

    rule: Rule | None
    what: str
    count: int | None = None

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        count = '' if self.count is None else f'{self.count} '
        expected = f'expected a list of {count}{self.what}'
        if not isinstance(value, list | tuple):
            return f' {show(value)}, {expected}'
        if self.count not in (None, len(value)):
            return f' of {len(value)} entries, {expected}'
        if self.rule is None:
            return ''
        for index, member in enumerate(value):
            if problem := self.rule(member):
                return f'[{index}]{problem}'
        return ''


@dataclass(frozen=True)
class OptionalField:
    """A field that may be missing.

    Attributes:
        rule (Rule): For its value, if it is there.
    """

    rule: Rule

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        return self.rule(value)


def _is_within(value: Any, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _describe_limits(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ''
    if high is None:
        return f' of {low} or more'
    return f' from {low} to {high}' if low is not None else f' up to {high}'


def _join(values: Sequence[int | str]) -> str:
    *first, last = map(repr, values)
    return f'{", ".join(first)} or {last}' if first else last


def _bracket(note: str) -> str:
    return f' ({note})' if note else ''
