# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A tiny made-up Clothing Co-Parsing in both layouts; nothing is real."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmfashion_ext.formats.ccp.constants import TAGS

SIZE = 40, 60  # (w, h) px; an item has more than 2.3 px


class TinyCCP:
    """Writes a dataset into a folder, in either layout.

    Attributes:
        root (Path): Its folder.
        original (bool): MATLAB files, as published, or PNGs.
    """

    def __init__(self, root, original):
        self.root = root
        self.original = original
        self.labels = root / (
            'annotations/pixel-level' if original else 'labels'
        )
        self.ending = '.mat' if original else '.png'
        (root / 'photos').mkdir(parents=True)
        self.labels.mkdir(parents=True)
        self.write_tags(TAGS)

    @property
    def tag_file(self):
        name = 'label_list.mat' if self.original else 'label_names.json'
        return self.root / name

    def write_tags(self, names):
        if not self.original:
            self.tag_file.write_text(json.dumps(list(names)))
            return
        cells = np.empty((1, len(names)), object)
        cells[0] = list(names)
        savemat(self.tag_file, {'label_list': cells})

    def photo(self, stem, size=SIZE, ending='.jpg'):
        path = self.root / 'photos' / f'{stem}{ending}'
        Image.new('RGB', size, (90, 120, 150)).save(path)
        return path

    def label(self, stem, labels, name='groundtruth'):
        path = self.labels / f'{stem}{self.ending}'
        labels = np.asarray(labels)
        if self.original:
            savemat(path, {name: labels})
        else:
            Image.fromarray(labels.astype(np.uint8)).save(path)
        return path

    def add(self, stem, *boxes, size=SIZE):
        """Add a photograph with boxes (tag, x, y, w, h) in px."""
        labels = draw(*boxes, size=size)
        return self.photo(stem, size), self.label(stem, labels)

    def image_tags(self, stem, tags):
        folder = self.root / 'annotations/image-level'
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{stem}.mat'
        savemat(path, {'tags': np.array([tags], np.uint8)})
        return path


def draw(*boxes, size=SIZE, tags=TAGS):
    """Return labels (h, w) with boxes (tag, x, y, w, h) in px."""
    labels = np.zeros(size[::-1], np.uint8)
    for tag, x, y, w, h in boxes:
        labels[y : y + h, x : x + w] = tags.index(tag)
    return labels


def fill(dataset):
    """Write three photographs: a coat over a dress, trousers, nothing."""
    dataset.add('0001', ('dress', 10, 10, 20, 40), ('coat', 5, 8, 10, 30))
    dataset.add('0002', ('jeans', 12, 30, 9, 25), ('hair', 0, 0, 9, 9))
    dataset.add('0011')
    return dataset


@pytest.fixture(params=[True, False], ids=['original', 'images'])
def empty(request, tmp_path):
    """A dataset without photographs, in each layout."""
    return TinyCCP(tmp_path / 'ccp', request.param)


@pytest.fixture
def dataset(empty):
    """A dataset of three photographs, in each layout."""
    return fill(empty)


@pytest.fixture
def real():
    """The folder of the real dataset beside the repository, if it is there."""
    root = Path(__file__).parents[4] / 'shared/real/ccp'
    if not root.is_dir():
        pytest.skip('the real photographs are not here')
    return root
