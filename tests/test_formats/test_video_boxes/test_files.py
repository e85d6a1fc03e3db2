# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Files of boxes of videos, found by their names."""

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.files import find_boxes, read_boxes

LINE = '1,1,0,0,5,5\n'


def test_a_file_for_one_video_and_a_folder_for_many(tmp_path):
    for name in ('a.txt', 'b.json', 'c.mp4.csv'):
        (tmp_path / name).write_text(LINE)
    videos = ['x/a.mp4', 'y/b.avi', 'c.mp4']
    found = find_boxes(tmp_path, videos)
    assert [path.name for path in found] == ['a.txt', 'b.json', 'c.mp4.csv']
    assert find_boxes(tmp_path / 'a.txt', ['z.mp4']) == [tmp_path / 'a.txt']
    assert len(find_boxes(tmp_path / 'b.json', videos)) == 3
    assert len(read_boxes(tmp_path / 'a.txt', 'z.mp4')) == 1


@pytest.mark.parametrize(
    ('source', 'videos', 'message'),
    [
        ('gone.txt', ['a.mp4'], 'no such file or folder'),
        ('a.txt', ['a.mp4', 'b.mp4'], 'the boxes of one video, got 2'),
        ('a.xml', ['a.mp4'], r'expected boxes as MOT text'),
        ('.', ['b.mp4'], r'no boxes of b.mp4; expected b.txt .* or b.json'),
    ],
)
def test_what_is_missing_is_named(tmp_path, source, videos, message):
    (tmp_path / 'a.txt').write_text(LINE)
    (tmp_path / 'a.xml').write_text('')
    with pytest.raises(UserError, match=message):
        find_boxes(tmp_path / source, videos)


def test_a_coco_file_of_other_videos(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(
        '{"images": [{"id": 1, "file_name": "a/1.jpg"}, '
        '{"id": 2, "file_name": "b/1.jpg"}], "annotations": [], '
        '"categories": [{"id": 1, "name": "person"}]}'
    )
    assert len(read_boxes(path, 'b.mp4')) == 0
    with pytest.raises(UserError, match='no boxes of c; its videos are a, b'):
        read_boxes(path, 'c.mp4')
