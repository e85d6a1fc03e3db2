# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The SCAN model of an index of persons."""

from pathlib import Path
from typing import NamedTuple

from ...hub.model_origin import model_origin
from ..inferencer import SCANInferencer


class Model(NamedTuple):
    """The model of an index.

    Attributes:
        infer (SCANInferencer): Computes features (M, T, D).
        fingerprint (str): See ``hub.model_origin``.
        origin (dict[str, str]): See ``hub.model_origin``.
    """

    infer: SCANInferencer
    fingerprint: str
    origin: dict[str, str]


def video_model(
    name: str,
    weights: str | Path | None = None,
    device: str | None = None,
    *,
    batch_size: int = 1,
) -> Model:
    """Load the model that computes and compares features (M, T, D).

    Args:
        name (str): Name or alias of a model of SCAN, or path of a config.
        weights (str | Path, optional): File or URL. None: the published ones.
        device (str, optional): None: CUDA where there is one.
        batch_size (int): Clips that go through the network together.

    Raises:
        UserError: See ``SCANInferencer``.
    """
    origin = model_origin(name, weights)
    infer = SCANInferencer(
        name,
        origin.checkpoint,
        device,
        batch_size=batch_size,
        show_progress=False,
    )
    return Model(infer, origin.fingerprint, origin.origin)
