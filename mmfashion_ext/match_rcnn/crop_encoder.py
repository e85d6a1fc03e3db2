# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Crop encoder: detects clothes and encodes their crops by a frozen network.

It is what a gallery is built with that has the features of an image encoder
of timm or mmpretrain instead of those of the match network.
"""

from pathlib import Path

from mmdet.structures import DetDataSample

from ..hub.model_origin import model_origin
from ..retrieval.image_encoder import ImageEncoder, crop_box
from .garment_encoder import DetectedGarments
from .inferencer import ClothesInferencer, LoadedImage


class CropInferencer(ClothesInferencer):
    """Clothes inferencer whose ``match_features`` are those of the crops.

    Args:
        image_encoder (ImageEncoder): Encodes the crops, to (n, D).
        model (str): Name of a detector, or path of a config.
        weights (str | Path, optional): Its checkpoint.
        device (str, optional): Defaults to None: CUDA where there is one.
        batch_size (int): Images that go through the detector together.
    """

    def __init__(
        self,
        image_encoder: ImageEncoder,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        batch_size: int = 1,
    ) -> None:
        super().__init__(
            model, weights, device, batch_size=batch_size, show_progress=False
        )
        self.image_encoder = image_encoder
        roi_head = getattr(self.model, 'roi_head', None)
        for name in ('mask_head', 'landmark_head', 'match_head'):
            if getattr(roi_head, name, None) is not None:
                setattr(roi_head, name, None)  # boxes are all that is used

    def _predict(
        self, loaded: list[LoadedImage], options: dict
    ) -> list[DetDataSample]:
        samples = super()._predict(loaded, options)
        crops = [
            crop_box(image.image, box)
            for image, sample in zip(loaded, samples, strict=True)
            for box in sample.pred_instances.bboxes.tolist()
        ]
        features = self.image_encoder.encode(crops).split(
            [len(sample.pred_instances) for sample in samples]
        )
        for sample, part in zip(samples, features, strict=True):
            found = sample.pred_instances
            found.match_features = part.to(found.scores.device)
        return samples


class CropEncoder(DetectedGarments):
    """Detect clothes and encode their crops by a frozen image encoder.

    The n garments of an image give unit vectors (n, D); the score of a pair
    is their cosine.

    Args:
        image_encoder (ImageEncoder): The encoder.
        model (str): Name of a detector, or path of a config.
        weights (str | Path, optional): Checkpoint of the detector, a file or
            URL. Defaults to None: the published ones.
        device (str, optional): Of the detector. Defaults to None: CUDA where
            there is one.
        score_thr (float): Lowest score, 0-1, of a garment.
        batch_size (int): Images that go through the detector together.

    Raises:
        UserError: See ``ClothesInferencer``.
    """

    def __init__(
        self,
        image_encoder: ImageEncoder,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        score_thr: float = 0.3,
        batch_size: int = 8,
    ) -> None:
        file, fingerprint, origin = model_origin(model, weights)
        self.infer = CropInferencer(
            image_encoder, model, file, device, batch_size
        )
        self.similarity = image_encoder.similarity
        self.score_thr = score_thr
        # other boxes are other crops, so the detector counts too
        self.fingerprint = f'{image_encoder.fingerprint}+{fingerprint}'
        self.origin = {
            **origin,
            'score': 'cosine',
            'encoder': image_encoder.name,
            'encoder_checkpoint': str(image_encoder.checkpoint),
        }
