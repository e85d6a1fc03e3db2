# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A checkpoint with code in it, for every way by which weights enter."""

import os

import pytest
import torch


class Payload:
    """Creates a folder when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def evil(tmp_path):
    """A checkpoint with a payload; fails if the payload ran."""
    path, marker = tmp_path / 'evil.pth', tmp_path / 'executed'
    weights = {'weight': torch.ones(3, 3), 'bias': torch.ones(3)}
    torch.save({'state_dict': weights, 'meta': Payload(marker)}, path)
    yield path
    assert not marker.exists()
