# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO JSON with the boxes of videos: frames, videos, tracks, persons."""

import json

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.coco import read_coco_boxes


@pytest.fixture
def coco(tmp_path):
    """Write a file of images and (image, category, extra) and read it."""

    def read(images, annotations, names=('person', 'dog'), **more):
        path = tmp_path / 'a.json'
        content = {
            'images': [
                {'id': i, **image} for i, image in enumerate(images, 1)
            ],
            'annotations': [
                {
                    'id': number,
                    'image_id': image,
                    'category_id': category,
                    'bbox': [number, 2, 3, 4],
                    **extra,
                }
                for number, (image, category, extra) in enumerate(annotations)
            ],
            'categories': [
                {'id': i, 'name': name} for i, name in enumerate(names)
            ],
            **more,
        }
        path.write_text(json.dumps(content))
        return read_coco_boxes(path)

    return read


def test_frames_by_number_and_tracks(coco):
    images = [
        {'file_name': 'x/9.jpg', 'video_id': 7, 'frame_id': 4},
        {'file_name': 'x/1.jpg', 'video_id': 7, 'frame_id': 2},
    ]
    found = coco(
        images,
        [(1, 0, {'track_id': 3}), (2, 0, {'instance_id': 3}), (2, 1, {})],
        videos=[{'id': 7, 'name': 'clips/cam1.mp4'}],
    )
    assert [*found] == ['cam1']
    video = found['cam1']
    assert video.tracked
    assert video.skipped == 1  # the dog
    assert video[4].boxes.tolist() == [[0, 2, 3, 6]]
    assert video[2].tracks.tolist() == [3]


def test_frames_in_the_order_of_names_and_videos_by_folder(coco):
    images = [
        {'file_name': name} for name in ('a/10.jpg', 'a/2.jpg', 'b/img1/1.jpg')
    ]
    found = coco(images, [(1, 0, {'score': 0.4}), (3, 0, {})], ('Pedestrian',))
    assert sorted(found) == ['a', 'b']
    assert found['a'][1].scores.tolist() == [0.4]
    assert not found['a'].tracked
    assert len(found['b'][0].boxes) == 1


def test_one_category_is_that_of_persons(coco):
    assert len(coco([{'file_name': '1.jpg'}], [(1, 0, {})], ('x',))['']) == 1


def test_no_category_of_persons(coco):
    with pytest.raises(UserError, match=r'none of .* is person: cat, dog'):
        coco([{'file_name': '1.jpg'}], [], ('cat', 'dog'))


def test_other_faults_are_named(coco):
    with pytest.raises(UserError, match=r'a\.json: annotation .*score'):
        coco([{'file_name': '1.jpg'}], [(1, 0, {'score': 'x'})])
    with pytest.raises(UserError, match='videos must be objects'):
        coco([{'file_name': '1.jpg'}], [], videos=[{'id': 1}])
