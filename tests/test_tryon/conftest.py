# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Narrow tutors and students, a batch and folders of images for them."""

import cv2
import numpy as np
import pytest
import torch

H, W = 64, 32
WARP = {
    'type': 'mmfashion_ext.AppearanceFlowWarp',
    'widths': (4, 4, 6, 6, 6),
    'channels': 6,
    'head_channels': (6, 4, 4),
}
GENERATOR = {
    'type': 'mmfashion_ext.TryOnGenerator',
    'widths': (4, 4, 6, 6, 6),
}
LOSSES = {'warp_loss': {'type': 'mmfashion_ext.WarpLoss'}}
END_TO_END = {'try_on_loss': {'type': 'mmfashion_ext.TryOnLoss'}}
TUTOR = {
    'type': 'mmfashion_ext.ParserBasedTryOn',
    'warp_net': {**WARP, 'condition_channels': 45},
    'generator': {**GENERATOR, 'in_channels': 8},
}


def build(cfg, seed=0):
    # here: files of this folder that need no host share this one
    from mmfashion_ext.registry import MODELS

    torch.manual_seed(seed)
    return MODELS.build(cfg)


@pytest.fixture(scope='session')
def build_tutor():
    """Build a tutor; arguments replace those of the end-to-end stage."""

    def build_tutor(**kwargs):
        return build({**TUTOR, **LOSSES, **END_TO_END, **kwargs})

    return build_tutor


@pytest.fixture(scope='session')
def tutor_file(tmp_path_factory):
    """The checkpoint of a tutor."""
    path = tmp_path_factory.mktemp('tutor') / 'tutor.pth'
    torch.save({'state_dict': build(TUTOR, seed=1).state_dict()}, path)
    return path


@pytest.fixture
def read_tutor(tutor_file):
    """Build the tutor of ``tutor_file``."""

    def read_tutor():
        teacher = build(TUTOR).eval()
        teacher.load_state_dict(torch.load(tutor_file)['state_dict'])
        return teacher

    return read_tutor


@pytest.fixture(scope='session')
def build_student():
    """Build a student, before ``init_weights``, from a tutor's checkpoint."""

    def build_student(checkpoint, end_to_end=True, **kwargs):
        cfg = {
            'type': 'mmfashion_ext.ParserFreeTryOn',
            'warp_net': {**WARP, 'condition_channels': 3},
            'teacher': TUTOR,
            'teacher_checkpoint': str(checkpoint),
            'distillation': {'type': 'mmfashion_ext.AdjustableDistillation'},
            **LOSSES,
        }
        if end_to_end:
            cfg.update(
                END_TO_END,
                generator={**GENERATOR, 'in_channels': 7},
                skin_loss={'type': 'mmfashion_ext.SkinLoss'},
                warp_weight=0.25,
            )
        return build({**cfg, **kwargs})

    return build_student


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(2)

    def draw(channels):
        return torch.rand(2, channels, H, W, generator=generator)

    mask = (draw(1) > 0.3).float()
    other = (draw(1) > 0.3).float()
    return {
        'person': draw(3) * 2 - 1,
        'cloth': (draw(3) * 2 - 1) * mask,
        'cloth_mask': mask,
        'unpaired_cloth': (draw(3) * 2 - 1) * other,
        'unpaired_cloth_mask': other,
        'parse': (draw(1) * 14).long(),
        'densepose': (draw(1) * 25).long(),
        'pose_map': (draw(18) > 0.9).float() * 2 - 1,
    }


@pytest.fixture(scope='session')
def reached():
    """Names of the parameters that a sum of losses reaches."""

    def reached(model, losses):
        model.zero_grad()
        loss, _ = model.parse_losses(losses)
        loss.backward()
        named = model.named_parameters()
        return {n for n, p in named if p.grad is not None and p.grad.any()}

    return reached


MODEL = 'pf-afn_e2e_8xb4-100e_viton-256x192'
SHOP_H, SHOP_W = 64, 40  # not multiples of 32: padded and cropped


@pytest.fixture(scope='session')
def narrow(tmp_path_factory):
    """Config of a narrow student, and its random weights."""
    from mmfashion_ext import hub
    from mmfashion_ext.tryon.inferencer import load_student

    folder = tmp_path_factory.mktemp('narrow')
    config = folder / 'narrow.py'
    config.write_text(
        f"""
_base_ = {hub.config_path(MODEL)!r}
model = dict(
    warp_net=dict(
        widths=(4, 4, 6, 6, 6), channels=6, head_channels=(6, 4, 4)
    ),
    generator=dict(widths=(4, 4, 6, 6, 6)),
)
"""
    )
    torch.manual_seed(0)
    model = load_student(str(config))
    weights = folder / 'narrow.pth'
    torch.save({'state_dict': model.state_dict()}, weights)
    return str(config), weights


@pytest.fixture(scope='session')
def infer(narrow):
    from mmfashion_ext.tryon import TryOnInferencer

    return TryOnInferencer(*narrow, device='cpu', show_progress=False)


class Shop:
    """Folders of 3 persons and 4 garments with masks."""

    def __init__(self, root):
        self.root = root
        self.folders = [root / k for k in ('persons', 'clothes', 'masks')]

    def files(self, person, garment):
        """Person, garment and its mask."""
        return (
            self.root / 'persons' / f'perso{person}.bmp',
            self.root / 'clothes' / f'cloth{garment}.bmp',
            self.root / 'masks' / f'cloth{garment}.png',
        )


@pytest.fixture
def shop(tmp_path):
    """Folders of small images, see :class:`Shop`."""
    rng = np.random.default_rng(0)
    shop = Shop(tmp_path)
    for folder in shop.folders:
        folder.mkdir()

    def image():
        small = rng.integers(0, 256, (SHOP_H // 8, SHOP_W // 8, 3), np.uint8)
        return cv2.resize(small, (SHOP_W, SHOP_H))

    for n in range(3):
        cv2.imwrite(str(shop.files(n, 0)[0]), image())
    for n in range(4):
        mask = np.zeros((SHOP_H, SHOP_W), np.uint8)
        mask[10 : 50 + n, 8:32] = 255
        cv2.imwrite(str(shop.files(0, n)[1]), image())
        # masks have another ending than their garments
        cv2.imwrite(str(shop.files(0, n)[2]), mask)
    return shop


class PlainDistance(torch.nn.Module):
    """In place of VGG19; counts how often features are computed."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def features(self, x):
        self.calls.append(tuple(x.shape))
        return [x.square()]

    def target_features(self, y):
        return self.features(y.detach())

    def forward(self, x, target=None, target_features=None):
        if target_features is None:
            target_features = self.target_features(target)
        (found,), (expected,) = self.features(x), target_features
        return (found - expected).abs().mean()


@pytest.fixture(scope='session')
def plain_distance():
    """A class in place of VGG19."""
    return PlainDistance


@pytest.fixture(scope='session')
def assert_same_losses():
    """Compare two dicts of losses, and their gradients."""

    def assert_same_losses(found, expected, leaves, **tolerance):
        assert list(found) == list(expected)
        for name, value in found.items():
            assert value.shape == ()
            torch.testing.assert_close(value, expected[name], **tolerance)
        for ours, plain in zip(
            *(
                torch.autograd.grad(sum(losses.values()), leaves)
                for losses in (found, expected)
            ),
            strict=True,
        ):
            torch.testing.assert_close(ours, plain, **tolerance)

    return assert_same_losses
