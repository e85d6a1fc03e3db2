# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frozen image encoder of timm or mmpretrain, by name: images to vectors.

Any of their models serves: CLIP, SigLIP, DINOv2, ConvNeXt, EfficientNet. Its
weights are a file, since nothing is downloaded here; there are no random ones.
A vector is what the network gives to its classifier, scaled to unit length,
so that the inner product of two is their cosine.

An image is resized so that its longest side fits the network's input, and
padded to a square with the colour that the network sees as 0. So a long dress
keeps its shape, and nothing of it is cut off.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..utils.checkpoint import local_checkpoint
from ..utils.files import file_sha256
from .encoder_networks import EncoderNetwork, build_network
from .pair_similarity import PairSimilarity
from .scoring import RetrievalError


class ImageEncoder:
    """Frozen image encoder: images (h, w, 3) in, unit vectors (D,) out.

    Args:
        name (str): Name of a model: ``timm:NAME``, ``mmpretrain:NAME``, or
            ``NAME`` alone, which is looked for in timm, then in mmpretrain.
        weights (str | Path, optional): Checkpoint file of that model, read as
            data. None is an error: random weights are of no use.
        device (str, optional): Defaults to None: CUDA where there is one.
        batch_size (int): Images that go through the network together.

    Attributes:
        name (str): ``timm:NAME`` or ``mmpretrain:NAME``.
        dim (int): D.
        checkpoint (Path): The file of the weights.
        fingerprint (str): Changes with the name and the weights.

    Raises:
        UserError: There is no such model or device, or no weights.
        CheckpointError: The weights are those of another model.
    """

    def __init__(
        self,
        name: str,
        weights: str | Path | None = None,
        device: str | None = None,
        batch_size: int = 32,
    ) -> None:
        self.network: EncoderNetwork = build_network(name, weights)
        self.name = self.network.name
        # build_network has refused None
        self.checkpoint = local_checkpoint(str(weights)).absolute()
        self.fingerprint = f'{self.name}:{file_sha256(self.checkpoint)[:16]}'
        self.batch_size = batch_size
        self.device = torch.device(_choose_device(device))
        self.network.model.to(self.device).eval().requires_grad_(False)
        side = self.network.side
        probe = np.zeros((side, side, 3), np.uint8)
        self.dim = self._forward([probe]).shape[1]

    @property
    def similarity(self) -> PairSimilarity:
        """Cosine of two unit vectors (D,), as a pair similarity."""
        return PairSimilarity.cosine(self.dim)

    def encode(self, images: Sequence[np.ndarray]) -> Tensor:
        """Encode images.

        Args:
            images (Sequence[np.ndarray]): n of (h, w, 3) uint8 BGR, of any
                size from 1 px; n may be 0.

        Returns:
            Tensor: (n, D) float32 of unit length, on the CPU.

        Raises:
            RetrievalError: The network gives NaN, infinity, or a zero vector.
        """
        parts = [
            self._forward(images[start : start + self.batch_size])
            for start in range(0, len(images), self.batch_size)
        ]
        if not parts:
            return torch.empty(0, self.dim)
        return torch.cat(parts)

    @torch.no_grad()
    def _forward(self, images: Sequence[np.ndarray]) -> Tensor:
        """Compute unit vectors (n, D) of one batch, n at least 1."""
        network = self.network
        pixels = np.stack(
            [fit_square(image, network.side, network.mean) for image in images]
        )
        x = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        mean, std = (
            x.new_tensor(values, dtype=torch.float32)[:, None, None]
            for values in (network.mean, network.std)
        )
        found = network.features((x.float() - mean) / std).float()
        length = found.norm(dim=1, keepdim=True)
        if not (length.isfinite() & (length > 0)).all():
            raise RetrievalError(
                f'{network.name} gives vectors that are 0, NaN or infinite; '
                f'its weights {self.checkpoint} are damaged, or of another '
                'model'
            )
        return (found / length).cpu()


def fit_square(
    image: np.ndarray, side: int, colour: Sequence[float]
) -> np.ndarray:
    """Resize an image to fit a square and pad it, centred.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR, at least 1 px each.
        side (int): Side of the square in px.
        colour (Sequence[float]): RGB 0-255 of the padding.

    Returns:
        np.ndarray: (side, side, 3) uint8 RGB.
    """
    h, w = image.shape[:2]
    scale = side / max(h, w)
    size = max(round(w * scale), 1), max(round(h * scale), 1)
    resized = Image.fromarray(np.ascontiguousarray(image[..., ::-1])).resize(
        size, Image.Resampling.BICUBIC
    )
    fill = tuple(min(max(round(value), 0), 255) for value in colour)
    square = Image.new('RGB', (side, side), fill)
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.array(square)


def crop_box(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Crop an image to a box.

    Args:
        image (np.ndarray): (h, w, 3).
        box (Sequence[float]): xyxy px; what is outside the image is left out.

    Returns:
        np.ndarray: (h', w', 3), at least 1 x 1 px.
    """
    h, w = image.shape[:2]
    x1, y1 = (
        min(max(int(np.floor(value)), 0), limit - 1)
        for value, limit in zip(box[:2], (w, h), strict=True)
    )
    x2, y2 = (
        min(max(int(np.ceil(value)), first + 1), limit)
        for value, first, limit in zip(box[2:], (x1, y1), (w, h), strict=True)
    )
    return image[y1:y2, x1:x2]


def _choose_device(device: str | None) -> str:
    """Return a device on which a tensor can be made."""
    if device is None:
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'device {device!r} cannot be used '
            f"({str(error).splitlines()[0]}); use 'cpu', or 'cuda' where "
            'there is a GPU'
        ) from None
    return device
