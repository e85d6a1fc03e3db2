# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Plain, slow layers, and tracklets of people, that several files use."""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext.scan.inputs import Video


def _attention(x, h, guide):
    """One clip (T, D) under one guide (D,), number by number."""
    pooled = torch.zeros(len(guide), dtype=x.dtype)
    for c in range(len(guide)):
        scores = [math.exp(guide[c] * h[t, c]) for t in range(len(x))]
        for t, score in enumerate(scores):
            pooled[c] += score / sum(scores) * x[t, c]
    return pooled


def _norm(norm, rows):
    """Batch normalisation with the statistics of the rows; updates norm."""
    mean, n = rows.mean(0), len(rows)
    variance = ((rows - mean) ** 2).sum(0) / n
    norm.running_mean.mul_(0.9).add_(0.1 * mean)
    norm.running_var.mul_(0.9).add_(0.1 * variance * n / (n - 1))
    return (rows - mean) / (variance + norm.eps).sqrt() * norm.weight + (
        norm.bias
    )


def _trained(build, *args, **kwargs):
    """Build a model with weights as after a training, in float64."""
    torch.manual_seed(0)
    model = build(*args, **kwargs).double()
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if name.endswith('running_var'):
                values.uniform_(0.5, 2)
            elif not name.endswith('num_batches_tracked'):
                values.normal_()
    return model


def _buffers(model):
    """A copy of the running statistics."""
    return {
        name: value.clone()
        for name, value in model.named_buffers()
        if 'running' in name
    }


@pytest.fixture(scope='session')
def plain():
    """Functions: attention, norm, trained, buffers."""
    return SimpleNamespace(
        attention=_attention,
        norm=_norm,
        trained=_trained,
        buffers=_buffers,
    )


@pytest.fixture(scope='session')
def people():
    """BGR frames of 4 people: moving stripes of their colours, 32 x 16 px."""
    rng = np.random.default_rng(0)
    people = []
    for length in (12, 3, 25, 1):
        base = rng.integers(0, 256, (4, 2, 3)).repeat(8, 0).repeat(8, 1)
        people.append(
            [
                np.roll(base, step, 1).astype(np.uint8)[..., ::-1]
                for step in range(length)
            ]
        )
    return people


@pytest.fixture(scope='session')
def gallery(people, tmp_path_factory):
    """A folder with a folder for each person: person8 ... person11."""
    root = tmp_path_factory.mktemp('gallery')
    for number, frames in enumerate(people):
        folder = root / f'person{number + 8}'
        folder.mkdir()
        for step, frame in enumerate(frames):
            # natural order: 8, 9, 10, not 10, 8, 9
            cv2.imwrite(str(folder / f'{step + 5}.png'), frame)
    return root


@pytest.fixture(scope='session')
def make_video():
    """A function that writes frames at moving places of a larger image."""

    def make(path, frames, border=7):
        h, w = frames[0].shape[:2]
        size = w + 2 * border + len(frames), h + 2 * border
        writer = cv2.VideoWriter(
            str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, size
        )
        boxes = []
        for step, frame in enumerate(frames):
            image = np.zeros((size[1], size[0], 3), np.uint8)
            x, y = border + step, border
            image[y : y + h, x : x + w] = frame
            writer.write(image)
            boxes.append([x, y, x + w, y + h])
        writer.release()
        return Video(path, boxes)

    return make
