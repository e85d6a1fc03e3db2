# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metainfo of DeepFashion2 against mmpose's parser and table."""

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    PALETTE,
    SIGMAS,
    flip_indices,
)
from mmfashion_ext.landmark.metainfo import deepfashion2_metainfo


@pytest.mark.parametrize('outwear_flip_pairs', ['sigmas', 'figure'])
def test_mmpose_reads_our_landmarks(outwear_flip_pairs):
    meta = parse_pose_metainfo(deepfashion2_metainfo(outwear_flip_pairs))
    assert meta['dataset_name'] == 'deepfashion2'
    assert meta['num_keypoints'] == 294
    assert meta['flip_indices'] == flip_indices(outwear_flip_pairs).tolist()
    assert sorted(meta['flip_indices']) == list(range(294))
    np.testing.assert_array_equal(meta['sigmas'], np.array(SIGMAS, np.float32))
    # vest_kpt9 and 13, which mmpose's table pairs one way only
    ids = meta['keypoint_name2id']
    assert meta['flip_indices'][ids['vest_kpt13']] == ids['vest_kpt9']


def test_lines_stay_inside_their_category_and_have_its_colour():
    meta = parse_pose_metainfo(deepfashion2_metainfo())
    assert meta['num_skeleton_links'] == sum(
        len(c.skeleton) for c in CATEGORIES
    )
    label = np.repeat(np.arange(13), [c.num_landmarks for c in CATEGORIES])
    for (a, b), color in zip(
        meta['skeleton_links'], meta['skeleton_link_colors'], strict=True
    ):
        assert label[a] == label[b]
        assert tuple(color) == PALETTE[label[a]]
    assert len({tuple(c) for c in meta['keypoint_colors']}) == 13


def test_names_are_those_of_mmpose():
    from mmpose.datasets.datasets import DeepFashion2Dataset

    theirs = parse_pose_metainfo(DeepFashion2Dataset.METAINFO)
    ours = parse_pose_metainfo(deepfashion2_metainfo())
    assert ours['keypoint_name2id'] == theirs['keypoint_name2id']
    # the host's defects that this table is for
    assert theirs['sigmas'].size == 0
    assert len(set(theirs['flip_indices'])) < 294
