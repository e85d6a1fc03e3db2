# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Load weights into a model strictly, with a report of what did not fit.

A model that starts from another one (a match head on a trained detector, a
generator on a trained warp network) has new parts. They are named where the
checkpoint is: ``load_from_partial`` of a config, see :class:`Partial`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

from ..errors import UserError, describe


@dataclass(frozen=True)
class Partial:
    """Parts of a model that a checkpoint need not fit.

    In a config: ``load_from_partial = dict(new=['generator.'])``.

    Args:
        new (Sequence[str]): Beginnings of names of weights that the model may
            have alone. Those that the file does not have, or has in another
            shape, stay as they were initialised.
        unused (Sequence[str]): Beginnings of names of weights that the file
            may have alone.
    """

    new: Sequence[str] = ()
    unused: Sequence[str] = ()

    @classmethod
    def from_config(cls, value: Mapping[str, Any] | None) -> 'Partial':
        """Build it from the setting of a config.

        Raises:
            UserError: It has another form.
        """
        names = [field.name for field in fields(cls)]
        if value is None:
            return cls()
        if not isinstance(value, Mapping) or not set(value) <= set(names):
            raise UserError(
                f'load_from_partial: expected a dict with {describe(names)}, '
                f'lists of beginnings of names, got {value!r}'
            )
        for name, prefixes in value.items():
            if not isinstance(prefixes, list | tuple) or not all(
                isinstance(prefix, str) and prefix for prefix in prefixes
            ):
                raise UserError(
                    f'load_from_partial.{name}: expected a list of beginnings '
                    f"of names such as ['generator.'], got {prefixes!r}"
                )
        return cls(**{name: tuple(value[name]) for name in value})

    def check(self, model: Mapping[str, Tensor]) -> None:
        """Check that each part in ``new`` is one of the model.

        Args:
            model (Mapping[str, Tensor]): Its state dict.

        Raises:
            UserError: It has no such weight.
        """
        for prefix in self.new:
            if not any(name.startswith(prefix) for name in model):
                raise UserError(
                    f'load_from_partial.new: no weight of the model begins '
                    f'with {prefix!r}; the model has '
                    f'{describe(_parts(model))}'
                )


@dataclass(frozen=True)
class LoadReport:
    """What became of the weights of a checkpoint in a model.

    Attributes:
        missing (list[str]): Names that only the model has.
        wrong_shape (list[str]): Name and both shapes.
        unexpected (list[str]): Names that only the file has.
        new (list[str]): Names that the file need not have and has not.
        unused (list[str]): Names that the model need not have and has not.
        share (float): Of the model's numbers, those that the file gave, 0-1.
    """

    missing: list[str]
    wrong_shape: list[str]
    unexpected: list[str]
    new: list[str]
    unused: list[str]
    share: float

    @property
    def fits(self) -> bool:
        """Whether all weights fit, but for those that need not."""
        return not (self.missing or self.wrong_shape or self.unexpected)

    def __str__(self) -> str:
        """Return one line: what did not fit, or what was loaded."""
        loaded = f'{self.share:.0%} of the model loaded'
        if not self.fits:
            problems = {
                'missing': self.missing,
                'of the wrong shape': self.wrong_shape,
                'unknown': self.unexpected,
            }
            return f'{describe_problems(problems)} ({loaded})'
        parts = {'new': _parts(self.new), 'unused': _parts(self.unused)}
        rest = [f'{k}: {describe(v)}' for k, v in parts.items() if v]
        return '; '.join([loaded, *rest])


def load_state(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    partial: Partial | None = None,
) -> LoadReport:
    """Load weights into a model and report what did not fit.

    Layers that cope with missing or renamed weights of their own do so.

    Args:
        model (nn.Module): Changed in place, in part if the report does not
            fit.
        weights (Mapping[str, Tensor]): Name -> value.
        partial (Partial, optional): What need not fit. Defaults to None: all
            must.

    Returns:
        LoadReport: To be looked at: nothing is raised for weights.

    Raises:
        UserError: The model does not have a part that is said to be new.
        RuntimeError: A layer cannot read its weights.
    """
    partial = partial or Partial()
    expected = model.state_dict()
    partial.check(expected)
    new, unused = tuple(partial.new), tuple(partial.unused)
    tried = OrderedDict(weights)
    if hasattr(weights, '_metadata'):  # versions of the layers
        tried._metadata = weights._metadata  # type: ignore[attr-defined]
    for name, value in expected.items():
        if name.startswith(new) and _differ(tried.get(name), value):
            del tried[name]
    wrong: dict[str, str] = {}
    try:
        missing, unexpected = model.load_state_dict(tried, strict=False)
    except RuntimeError:  # only now: a layer may reshape weights of its own
        wrong = {
            name: f'{name} {list(tried[name].shape)} instead of '
            f'{list(value.shape)}'
            for name, value in expected.items()
            if _differ(tried.get(name), value)
        }
        for name in wrong:
            del tried[name]
        missing, unexpected = model.load_state_dict(tried, strict=False)
    total = sum(value.numel() for value in expected.values())
    used = sum(v.numel() for k, v in tried.items() if k not in unexpected)
    return LoadReport(
        missing=[
            n for n in missing if not n.startswith(new) and n not in wrong
        ],
        wrong_shape=list(wrong.values()),
        unexpected=sorted(n for n in unexpected if not n.startswith(unused)),
        new=[n for n in missing if n.startswith(new)],
        unused=[n for n in unexpected if n.startswith(unused)],
        share=used / max(total, 1),
    )


def _differ(found: Tensor | None, expected: Tensor) -> bool:
    return found is not None and found.shape != expected.shape


def compare_weights(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Compare weights with those that a model has.

    Args:
        expected (Mapping[str, Tensor]): Name -> a tensor of the right shape.
        found (Mapping[str, Tensor]): Name -> value.

    Returns:
        dict[str, list[str]]: What is wrong -> names, which may be none.
    """
    return {
        'missing': [name for name in expected if name not in found],
        'of the wrong shape': [
            f'{name} {list(found[name].shape)} instead of {list(value.shape)}'
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ],
        'unknown': sorted(set(found) - set(expected)),
    }


def describe_problems(problems: Mapping[str, Sequence[str]]) -> str:
    """Count weights by what is wrong with them and name a few.

    Args:
        problems (Mapping[str, Sequence[str]]): See :func:`compare_weights`.
    """
    return '; '.join(
        f'{len(names)} {problem}: {describe(names)}'
        for problem, names in problems.items()
        if names
    )


def _parts(names: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return the first two parts of names, each once."""
    parts = ['.'.join(name.split('.')[:2]) for name in names]
    return list(dict.fromkeys(parts))
