# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models are listed by every property; no host is needed."""

import pytest

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import catalog

NAME = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'


def test_models_are_listed_by_pattern_and_task():
    names = mmfashion_ext.list_models()
    assert NAME in names == sorted(names)
    assert mmfashion_ext.list_models('match-rcnn_r50*-1x_*') == [NAME]
    assert NAME in mmfashion_ext.list_models('r50_fpn')
    assert mmfashion_ext.list_models('zzz') == []
    masks = mmfashion_ext.list_models(task='segmentation')
    landmarks = mmfashion_ext.list_models(task='landmark')
    assert NAME in masks
    assert NAME in landmarks
    assert set(masks) != set(landmarks)
    with pytest.raises(UserError, match=r"no task 'zzz'.*Object Detection"):
        mmfashion_ext.list_models(task='zzz')


def test_positions_of_the_arguments_stay():
    by_name = mmfashion_ext.list_models(pattern='r50', task='landmark')
    assert mmfashion_ext.list_models('r50', 'landmark') == by_name


@pytest.mark.parametrize('system', ['tryon', 'try-on', 'Try_On'])
def test_models_of_a_system(system):
    names = mmfashion_ext.list_models(system=system)
    assert names == sorted(
        entry['Name']
        for entry in catalog.metafile_entries()
        if entry['Config'].startswith('configs/tryon/')
    )
    assert 0 < len(names) < len(mmfashion_ext.list_models())
    with pytest.raises(UserError, match=r"no system 'x'.*'match_rcnn'"):
        mmfashion_ext.list_models(system='x')


def test_models_with_and_without_weights(monkeypatch):
    entries = catalog.metafile_entries()
    for index, entry in enumerate(entries):
        entry['Weights'] = 'weights/x' if index < 2 else None
    monkeypatch.setattr(catalog, 'metafile_entries', lambda: entries)
    names = mmfashion_ext.list_models(pretrained=True)
    assert names == sorted(entry['Name'] for entry in entries[:2])
    rest = mmfashion_ext.list_models(pretrained=False)
    assert sorted([*names, *rest]) == mmfashion_ext.list_models()


def test_models_are_left_out():
    names = mmfashion_ext.list_models('match-rcnn')
    without = mmfashion_ext.list_models('match-rcnn', exclude='retrieval')
    assert without == [name for name in names if 'retrieval' not in name]
    several = mmfashion_ext.list_models(exclude=['*', 'x'])
    assert several == []
    assert mmfashion_ext.list_models(exclude=()) == mmfashion_ext.list_models()
