# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion predict`` and ``landmarks`` with random weights."""

import json

import pytest

LANDMARKS = 294


def test_predict_prints_garments_and_writes_files(
    mmfashion, weights, image, tmp_path
):
    done = mmfashion(
        *('predict', image('a.png'), image('in/b.png'), 'in', '--out', 'o'),
        *(*weights('predict'), '--score-thr', '0', '--batch-size', '2'),
    )
    assert done.stderr == ''
    lines = done.stdout.splitlines()
    titles = [line for line in lines if not line.startswith(' ')]
    assert [title.partition(':')[0] for title in titles[:3]] == [
        *('a.png', 'in/b.png', 'in/b.png'),
    ]
    assert titles[3:] == ['wrote o/results.json', 'wrote o/visualizations/']
    names = ['a', 'b', 'b_2']
    for folder, ending in (('predictions', 'json'), ('visualizations', 'jpg')):
        files = sorted((tmp_path / 'o' / folder).iterdir())
        assert [file.name for file in files] == [
            f'{name}.{ending}' for name in names
        ]


def test_predict_json_is_what_the_files_say(
    mmfashion, weights, image, tmp_path
):
    (tmp_path / 'bad.jpg').write_text('no image')
    words = ['predict', image('a.png'), 'bad.jpg', *weights('predict')]
    done = mmfashion(*words, '--out', 'o', '--score-thr', '0', '--json')
    found = json.loads(done.stdout)
    (prediction,) = found['predictions']
    file = tmp_path / 'o' / 'predictions' / 'a.json'
    assert prediction == json.loads(file.read_text())
    assert {'bboxes', 'scores', 'categories', 'masks', 'keypoints'} <= {
        *prediction
    }
    assert [entry['input'] for entry in found['skipped']] == ['bad.jpg']
    (warning,) = done.stderr.splitlines()
    assert warning.startswith('warning: 1 of the inputs skipped: bad.jpg')


def test_predictions_as_coco(mmfashion, error, weights, image, tmp_path):
    words = ['predict', image('a.png'), image('b.png'), '--coco', 'c']
    done = mmfashion(*words, *weights('predict'), '--score-thr', '0')
    assert done.stdout.splitlines()[-1] == 'wrote c/'
    coco = json.loads((tmp_path / 'c' / 'labels.json').read_text())
    names = [image['file_name'] for image in coco['images']]
    assert names == ['a.png', 'b.png']
    assert (tmp_path / 'c' / 'data' / 'b.png').is_file()
    assert error(*words).startswith('c is not empty; name a new folder')
    (tmp_path / 'bad.jpg').write_text('no image')
    words = ['predict', 'bad.jpg', '--coco', 'new', *weights('predict')]
    assert 'bad.jpg' in error(*words)
    assert not (tmp_path / 'new').exists()


def test_draw_without_out(mmfashion, weights, image, tmp_path):
    done = mmfashion('predict', image('a.png'), '--draw', *weights('predict'))
    assert 'wrote mmfashion_results/visualizations/' in done.stdout
    drawn = tmp_path / 'mmfashion_results' / 'visualizations' / 'a.jpg'
    assert drawn.is_file()


def test_what_cannot_be_predicted(error, weights, image, tmp_path):
    (tmp_path / 'bad.jpg').write_text('no image')
    (tmp_path / 'empty').mkdir()
    a, detector = image('a.png'), weights('predict')
    assert 'bad.jpg: ' in error('predict', 'bad.jpg', *detector)
    assert 'empty' in error('predict', 'empty', *detector)
    assert 'run it with: mmfashion reid' in error(
        'predict', a, *weights('reid')
    )
    model = detector[:2]
    assert 'gone.pth' in error('predict', a, *model, '--weights', 'gone.pth')
    assert 'a.png' in error('predict', a, *model, '--weights', 'a.png')
    assert "'nix'" in error('predict', a, *detector, '--device', 'nix')
    assert "no config 'nix'" in error('predict', a, '--model', 'nix')


def test_landmarks_of_whole_images(mmfashion, weights, image):
    words = ['landmarks', image('a.png'), *weights('landmarks')]
    done = mmfashion(*words, '--whole-image')
    title, garment = done.stdout.splitlines()
    assert title == 'a.png: 1 garment'
    assert 'box 0 0 80 96' in garment
    assert garment.endswith(' landmarks')
    found = json.loads(mmfashion(*words, '--whole-image', '--json').stdout)
    (prediction,) = found['predictions']
    assert len(prediction['keypoints'][0]) == int(garment.split()[-2])


def test_landmarks_in_boxes_of_a_detector(mmfashion, weights, image):
    model, checkpoint = weights('predict')[1::2]
    done = mmfashion(
        *('landmarks', image('a.png'), *weights('landmarks')),
        *('--det-model', model, '--det-weights', checkpoint),
        *('--score-thr', '1'),
    )
    assert done.stdout == 'a.png: no garments\n'


@pytest.mark.parametrize('command', ['predict', 'landmarks'])
def test_help_names_what_an_image_may_be(command, mmfashion):
    assert 'a folder of images or a video' in mmfashion(
        command, '--help'
    ).stdout.replace('\n  ', ' ')
