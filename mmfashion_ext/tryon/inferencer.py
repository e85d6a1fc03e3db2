# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Virtual try-on inferencer: person and garment images in, try-ons out."""

import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import nn

from ..errors import UserError
from ..hub import config_path, get_model, published_weights
from ..registry import MODELS
from ..utils.host_scope import read_config
from .inference.fast_try_on import FastTryOn
from .inference.pair_inferencer import PairInferencer
from .inference.session import TryOnSession
from .student import ParserFreeTryOn
from .transforms import ResizeTryOn


class TryOnInferencer(PairInferencer):
    """Virtual try-on inferencer: dress persons in garments, without a parser.

    Examples:
        >>> infer = TryOnInferencer('pf-afn_e2e_8xb4-100e_viton-256x192',
        ...                         weights='epoch_100.pth')
        >>> result = infer('person.jpg', 'cloth.jpg', out_dir='out')
        >>> result['predictions'][0]['try_on'].shape
        (256, 192, 3)

    ``infer(person, cloth, cloth_mask=None)`` accepts persons and garments as
    paths, URLs, BGR arrays (h, w, 3) uint8, images of Pillow, bytes of image
    files, opened files, folders, dicts of names and images, and lists, tuples
    or generators of these. As many persons as garments are paired in their
    order; one person is dressed in all garments, one garment is put on all
    persons. Masks are on where the value is 128 or more: in the order of the
    garments, or a folder or dict in which a mask has the name of its garment.
    A missing mask is made; if none is plausible on a patterned background, the
    pair is skipped.

    A pair that fails, because a file is damaged, say, is skipped and named at
    the end. If it is the only one, its error is raised.

    Options of the call, by name:

    - ``out_dir``: folder for ``visualizations/NAME.jpg`` (person | masked
      garment | try-on), ``predictions/NAME.png`` (the try-on),
      ``predictions/NAME.json``, ``results.json`` and, with ``grid``,
      ``grid.jpg``. NAME is ``PERSON__CLOTH``.
    - ``pairs``: file of lines ``person.jpg cloth.jpg``; ``person`` and
      ``cloth`` are the folders of these images.
    - ``grid``: dress every person in every garment, and draw all on a contact
      sheet: a row for each person, a column for each garment.
    - ``draw``: add ``visualization``, the strip (h, 3 w, 3) uint8 BGR.
    - ``show``: show each strip in a window until a key is pressed.
    - ``stream``: return an iterator that computes a prediction when it is
      asked for, with ``skipped`` as its attribute. Generators are then read
      while they are used. A grid comes in blocks of garments; its sheet is
      written, not returned.
    - ``keep_arrays``: return the images. False: the names alone; the images
      are in ``out_dir``.
    - ``resume``: keep the pairs whose files are in ``out_dir``; of their
      images only ``try_on`` is returned.
    - ``person_box``: where the person is in the photographs, (x1, y1, x2, y2)
      px, or a function from a photograph (h, w, 3) uint8 BGR to such a box (or
      None). The network sees the part around it, in the shape of its frame,
      and the try-on is put back into the photograph. For persons off centre or
      far away, and networks that keep the photograph.

    The result has ``predictions``, a list with one dict for each pair, person
    by person: ``input`` (both inputs), ``name`` (stem of its files),
    ``person``, ``cloth`` (paths as given, or names), ``try_on``,
    ``warped_cloth`` (h, w, 3) uint8 BGR, ``warped_mask`` (h, w) uint8 0-255,
    and ``notes``, a list of str, if the garment's mask is not plausible
    (inverted, of another garment ...), which one warning says too;
    ``skipped``, a list of dicts of ``input``, ``person``, ``cloth`` and
    ``reason``; and with ``grid`` the contact sheet ``grid``, (H, W, 3) uint8
    BGR.

    Args:
        model (str | Path | nn.Module): Name of a parser-free model, path of a
            config file, or what ``get_model`` built (``weights`` must be None
            then).
        weights (str | Path, optional): Checkpoint file or URL; read as data,
            never unpickled. Defaults to None: the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        batch_size (int): Pairs that go through the network together.
            Defaults to 1.
        show_progress (bool): Show a progress bar over several pairs.
            Defaults to True.
        size (tuple[int, int], optional): (h, w) in px that all images are
            resized to. Defaults to None: the size of the model's config; if
            it has none, images keep their size, and the person, the garment
            and the mask of a pair must have the same.
        amp (bool): Run the networks in half precision: float16 on a GPU,
            bfloat16 on a CPU that has instructions for it (other CPUs use
            float32). Defaults to False.
        compile (bool): See :class:`.inference.fast_try_on.FastTryOn`.
            Defaults to False.

    Attributes:
        fast (FastTryOn): The networks, fused for inference.
        model (nn.Module): The student; if it was built here, its networks are
            removed, so that their weights are not in memory twice.

    Raises:
        UserError: An unknown model or device, a model that needs a parser, no
            published weights, weights of another model, or a bad size.
        CheckpointError: See ``utils.checkpoint``.
    """

    def __init__(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        batch_size: int = 1,
        show_progress: bool = True,
        size: tuple[int, int] | None = None,
        amp: bool = False,
        compile: bool = False,
    ) -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UserError(f'size must be (h, w), 1 px or more, got {size}')
        super().__init__(
            model,
            weights,
            device,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        self._device = super().device
        dtype = inference_dtype(self._device, amp)
        self.fast = FastTryOn(self.model, dtype, compile)
        if self.model is not model:
            self.model.warp_net = self.model.generator = None
        self.size = size or config_size(self.model.cfg)

    def _load_model(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None,
        device: str | None,
    ) -> nn.Module:
        if isinstance(model, nn.Module):
            if not isinstance(model, ParserFreeTryOn):
                raise UserError(
                    f'got a {type(model).__name__}, expected a parser-free '
                    'model (mmfashion_ext.ParserFreeTryOn)'
                )
            return super()._load_model(model, weights, device)
        weights = weights or published_weights(str(model))
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        return load_student(str(model), weights, device)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._device

    def _new_session(self) -> TryOnSession:
        """Return a session whose caches live as long as one call."""
        return TryOnSession(
            self.fast,
            self.model.data_preprocessor,
            size=self.size,
            batch_size=self.batch_size,
        )


def load_student(
    model: str,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
) -> ParserFreeTryOn:
    """Build a parser-free model for inference, without VGG and teacher.

    Args:
        model (str): Name of a parser-free model, or path of a config file.
        weights (str | Path, optional): Checkpoint file or URL. Defaults to
            None: random weights.
        device (str | torch.device, optional): Defaults to None: the CPU.

    Returns:
        ParserFreeTryOn: Reads persons and cloths (B, 3, H, W).

    Raises:
        UserError: See :class:`TryOnInferencer`.
    """
    cfg = read_config(config_path(model))
    network = MODELS.get(cfg.model.type)
    if not (
        isinstance(network, type) and issubclass(network, ParserFreeTryOn)
    ):
        raise UserError(
            f'{model} is a {cfg.model.type}; only parser-free models '
            '(mmfashion_ext.ParserFreeTryOn, pf-afn_*) work with images '
            'alone; tools/test.py runs the others on a dataset'
        )
    # VGG serves the losses alone
    return get_model(model, weights, device=device, model={'perceptual': None})


def config_size(cfg: Config) -> tuple[int, int] | None:
    """Return the size (h, w) in px that the config's test resizes to.

    None if it does not resize.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset', {})
    for transform in dataset.get('pipeline', ()):
        if transform['type'].rpartition('.')[2] == ResizeTryOn.__name__:
            return tuple(transform['size'])
    return None


def inference_dtype(device: torch.device | str, amp: bool) -> torch.dtype:
    """Return the dtype of the networks, float32 without ``amp``."""
    if not amp:
        return torch.float32
    if torch.device(device).type != 'cpu':
        return torch.float16
    if has_bfloat16():
        return torch.bfloat16
    print_log(
        'amp=True: this CPU has no bfloat16 instructions; using float32, '
        'which is faster here',
        logger='current',
        level=logging.WARNING,
    )
    return torch.float32


def has_bfloat16() -> bool:
    """Return whether this CPU has instructions for bfloat16."""
    capabilities: dict[str, bool] = getattr(
        torch.cpu, 'get_capabilities', dict
    )()
    return any(
        present
        for name, present in capabilities.items()
        if name.endswith('bf16')
    )
