# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Uploaded files, and stand-ins for models."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.app.examples import Examples
from mmfashion_ext.app.models import TASKS, Choice, Models
from mmfashion_ext.app.uploads import Upload


@pytest.fixture
def upload(tmp_path):
    """A function that writes an uploaded file of noise, or of bytes.

    On the server it has another name than the visitor's, as with Gradio.
    """
    count = 0

    def write(name='a.png', content=None, size=(40, 30)):
        nonlocal count
        count += 1
        suffix = name[name.rindex('.') :]
        path = tmp_path / f'upload_{count}{suffix}'
        if content is None:
            rng = np.random.default_rng(len(name) + size[0])
            image = rng.integers(0, 255, (*size, 3)).astype(np.uint8)
            content = cv2.imencode(suffix, image)[1].tobytes()
        path.write_bytes(content)
        return Upload(path, name)

    return write


@pytest.fixture
def clip(tmp_path):
    """A function that writes an uploaded clip of grey frames."""

    def write(name, frames=4, size=(32, 16)):
        path = tmp_path / f'clip_{name}'
        codec = cv2.VideoWriter_fourcc(*'MJPG')
        h, w = size
        writer = cv2.VideoWriter(str(path), codec, 25, (w, h))
        for value in range(frames):
            writer.write(np.full((h, w, 3), 40 + value, np.uint8))
        writer.release()
        return Upload(path, name)

    return write


@pytest.fixture
def examples(upload, clip):
    garments = [upload('t-shirt.png').path]
    walker = clip('walk.avi').path
    return Examples(garments, garments, walker, [walker])


@pytest.fixture
def choices():
    """A function that returns a model for every page, which does nothing."""

    def make(**changed):
        found = {task: Choice(f'model of {task}', object) for task in TASKS}
        return Models(found | changed)

    return make
