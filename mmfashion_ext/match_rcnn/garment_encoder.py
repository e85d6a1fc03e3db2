# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garment encoder: detects clothes and computes their match features."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from ..hub.model_origin import model_origin
from ..inferencer import PredictionStream
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.duplicates import distinct_items
from .gallery_ranking import join_similarities

if TYPE_CHECKING:
    from .inferencer import ClothesInferencer

#: Items that the match network orders anew where an embedding finds them.
RERANK_K = 50


class EncodedImage(NamedTuple):
    """The clothes that were found in an image.

    Attributes:
        input (str): Path or URL of the image, or a generated name.
        features (Tensor): (n, D) float32, of its n garments, best first.
        garments (list[dict]): Of each garment ``bbox`` xyxy px, ``category``
            and ``score`` 0-1.
    """

    input: str
    features: Tensor
    garments: list[dict]


def without_duplicates(
    image: EncodedImage, duplicate_iou: float | None
) -> EncodedImage:
    """Leave out garments that are a better one's duplicate.

    Args:
        image (EncodedImage): The garments of an image.
        duplicate_iou (float, optional): Of two garments of any categories
            that overlap more (IoU, 0-1), the one with the lower score is left
            out. None: none is.
    """
    kept = distinct_items(
        np.array([garment['bbox'] for garment in image.garments]),
        np.array([garment['score'] for garment in image.garments]),
        duplicate_iou,
    )
    return EncodedImage(
        image.input,
        image.features[torch.from_numpy(kept)],
        [image.garments[i] for i in kept],
    )


class DetectedGarments:
    """Base class of encoders: clothes that an inferencer finds, with vectors.

    The n garments of an image give features (n, D), which the inferencer
    returns in one field or in several, which are joined.

    Attributes:
        infer (ClothesInferencer): Detects clothes and computes vectors.
        similarity (PairSimilarity): Scores pairs of them.
        score_thr (float): Lowest score, 0-1, of a garment.
        fingerprint (str): Changes with the models' names and weights.
        origin (dict[str, str]): Where the models can be found, and what
            scores are.
    """

    infer: 'ClothesInferencer'
    similarity: PairSimilarity
    score_thr: float
    fingerprint: str
    origin: dict[str, str]
    fields: tuple[str, ...] = ('match_features',)

    def encode(
        self, images: object, skipped: list[dict] | None = None
    ) -> Iterator[EncodedImage]:
        """Encode the clothes of images, one image after the other.

        Args:
            images (object): See ``ClothesInferencer``.
            skipped (list[dict], optional): Gets ``input`` and ``reason`` of
                the images that cannot be used.

        Yields:
            EncodedImage: Of each image that can be read, in order; with
            features (n, D) of its n garments.

        Raises:
            UserError: The only image cannot be used.
        """
        predictions = self.infer(images, stream=True, score_thr=self.score_thr)
        assert isinstance(predictions, PredictionStream)  # of stream=True
        for prediction in predictions:
            garments = [
                {
                    'bbox': [round(v, 2) for v in box],
                    'category': category,
                    'score': round(score, 4),
                }
                for box, category, score in zip(
                    prediction['bboxes'].tolist(),
                    prediction['categories'],
                    prediction['scores'].tolist(),
                    strict=True,
                )
            ]
            parts = [prediction[field] for field in self.fields]
            features = torch.from_numpy(np.concatenate(parts, axis=1))
            yield EncodedImage(prediction['input'], features, garments)
        if skipped is not None:
            skipped += predictions.skipped


class GarmentEncoder(DetectedGarments):
    """Detect clothes and compute a feature vector for each.

    The n garments of an image give features (n, D).

    Args:
        model (str): Name of a model with a match head, or path of a config.
        weights (str | Path, optional): Checkpoint file or URL. Defaults to
            None: the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        score_thr (float): Lowest score, 0-1, of a garment.
        batch_size (int): Images that go through the network together.

    Attributes:
        similarity (PairSimilarity): Scores pairs of its features.
        fingerprint (str): Changes with the config's name and the weights.
        origin (dict[str, str]): ``config``, a model's name or a config's
            file, and ``checkpoint``, a file.

    Raises:
        UserError: The model has no match head, or see ``ClothesInferencer``.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        score_thr: float = 0.3,
        batch_size: int = 8,
    ) -> None:
        # not above: mmdet's import takes longer than finding a wrong argument
        from .inferencer import ClothesInferencer

        file, self.fingerprint, self.origin = model_origin(model, weights)
        self.infer = ClothesInferencer(
            model, file, device, batch_size=batch_size, show_progress=False
        )
        head = getattr(self.infer.model.roi_head, 'match_head', None)
        if head is None:
            raise UserError(
                f'{model} has no match head, so it cannot compare clothes; '
                "use one of mmfashion_ext.list_models(task='retrieval'), or "
                'an image encoder (--encoder NAME)'
            )
        self.similarity = head.similarity().to('cpu')
        if getattr(head, 'score_kind', 'logit') == 'cosine':
            self.origin['score'] = 'cosine'
        streams = getattr(self.infer.model.roi_head, 'streams', {})
        self._add_embedding(streams, RERANK_K)
        self.score_thr = score_thr

    def _add_embedding(self, streams: Mapping[str, Any], k: int) -> None:
        """Search by an embedding beside the match head, if there is one.

        Its vector and the match network's are joined, (n, D1 + D2).
        """
        beside = [
            head
            for head in streams.values()
            if getattr(head, 'score_kind', '') == 'cosine'
            and head.field != 'match'
        ]
        if not beside or 'score' in self.origin:
            return
        self.fields = (f'{beside[0].field}_features', *self.fields)
        self.similarity, second = join_similarities(
            beside[0].similarity().to('cpu'), self.similarity, k
        )
        self.origin['rerank'] = second.to_text()
