# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Part of a runner class: weights are read as data and must fit the model."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ..errors import UserError
from ..utils.checkpoint import (
    CheckpointError,
    checkpoint_meta,
    extract_state_dict,
    load_checkpoint_file,
    load_strictly,
)
from ..utils.config_checkpoints import check_initializers, check_model_config
from ..utils.weights import LoadReport, Partial
from .resume import check_resumable

if TYPE_CHECKING:
    from mmengine.runner import Runner as _Base
else:
    _Base = object


#: What optimizers and schedulers raise when a state is not one of theirs.
_MISFITS = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
    *(RuntimeError, AssertionError),
)


class SafeLoading(_Base):
    """What a runner loads is data, and of the model that it is for.

    MMEngine's runner unpickles a checkpoint that it cannot read otherwise,
    runs the text of the config in it when a training is resumed, and leaves
    out weights that do not fit. Here only the parts that the config's
    ``load_from_partial`` names may differ, see :class:`~.weights.Partial`.
    """

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model; checkpoints that its classes read are checked."""
        if isinstance(model, dict):
            model = check_model_config(model)
        return super().build_model(model)

    def train(self) -> nn.Module:
        """Train; the weights to start from are checked before data are read.

        Raises:
            UserError: They are of another model, or an initialiser's are.
        """
        check_initializers(self._unwrapped())
        self._try_weights()
        return super().train()

    def val(self) -> dict:
        """Validate; see :meth:`test`."""
        self._try_weights()
        return super().val()

    def test(self) -> dict:
        """Test; the weights are checked before data are read.

        Raises:
            CheckpointError: They are of another model.
        """
        self._try_weights()
        return super().test()

    def load_checkpoint(
        self,
        filename: str | Path,
        map_location: str | Callable = 'cpu',
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict:
        """Load weights into the model.

        Args:
            filename (str | Path): File or URL.
            map_location (str | Callable): Where tensors go.
                Defaults to 'cpu'.
            strict (bool): Not used: weights must always fit.
            revise_keys (list, optional): Not used: ``module.`` before all
                names is removed.

        Returns:
            dict: ``state_dict``, ``meta`` and what else is in the file.

        Raises:
            CheckpointError: They are those of another model.
        """
        checkpoint = self._read(filename, map_location)
        # averaged weights are exchanged here
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        report = self._load(checkpoint['state_dict'], filename)
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}: {report}')
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Continue a training.

        Args:
            filename (str): A checkpoint of a training.
            *args: See MMEngine's ``Runner.resume``.
            **kwargs: See there.

        Raises:
            CheckpointError: It has weights alone, is of another model, or of
                another optimizer or schedule.
        """
        check_resumable(filename)
        try:
            super().resume(filename, *args, **kwargs)
        except UserError:
            raise
        except _MISFITS as error:
            text = ' '.join(str(error).split())
            raise CheckpointError(
                f'{filename}: the training cannot continue from it '
                f'({type(error).__name__}: {text[:200]}). Continue with the '
                'config that it was trained with, or start a new training '
                f'from it: --cfg-options load_from={filename}'
            ) from error

    def _read(
        self, path: str | Path, map_location: Any, **kwargs: Any
    ) -> dict:
        content = load_checkpoint_file(path, map_location, **kwargs)
        checkpoint = {'state_dict': extract_state_dict(content, path)}
        if 'state_dict' in content:
            meta = dict(checkpoint_meta(content, path))
            # Runner.resume would run it, to look for an old setting
            meta.pop('config', None)
            checkpoint = {**content, **checkpoint, 'meta': meta}
        return checkpoint

    def _load(self, weights: dict, path: str | Path) -> LoadReport:
        partial, hint = None, ''
        if not self._resume:
            partial = Partial.from_config(self.cfg.get('load_from_partial'))
            hint = (
                '. If a part of the model is new, name it: --cfg-options '
                "load_from_partial.new=['PART.']"
            )
        name = Path(self.cfg.filename or 'the config').stem
        return load_strictly(
            self._unwrapped(), weights, path, name, partial, hint
        )

    def _unwrapped(self) -> nn.Module:
        """Return the model without what distributes it or merges views."""
        model = self.model
        if is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            return model.module
        return model

    def _try_weights(self) -> None:
        """Load once ahead, since data may take minutes to be read."""
        if self._load_from and not self._has_loaded:
            content = self._read(self._load_from, 'cpu', mmap=True)
            weights = content['state_dict']
            if self._resume:
                # of an average, the exchange comes later; names are the same
                check_resumable(self._load_from)
            with torch.no_grad():
                self._load(weights, self._load_from)


def loading_safely(runner_class: type) -> Any:
    """Return a runner class with :class:`SafeLoading` before it.

    Args:
        runner_class (type): MMEngine's ``Runner`` or one derived from it.

    Returns:
        type: The class.

    Raises:
        UserError: It is not one of these, so that its loading cannot be
            replaced.
    """
    if not issubclass(runner_class, Runner):
        raise UserError(
            f'runner_type {runner_class.__name__}: expected a class derived '
            "from mmengine's Runner; others read checkpoints by an unpickler "
            'that runs the code in them'
        )
    return type(
        f'Safe{runner_class.__name__}', (SafeLoading, runner_class), {}
    )
