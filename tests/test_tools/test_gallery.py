# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""tools/gallery.py as a user runs it, with an untrained model."""

import json
import shutil

import cv2
import pytest
import torch

from mmfashion_ext import hub
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.utils.image_grid import CAPTION

TOOL = 'tools/gallery.py'
MODEL = (
    'match-rcnn-retrieval-class-frozen_r18-small_fpn_1xb16-2e_'
    'synthetic-160x160'
)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    torch.save({'state_dict': hub.get_model(MODEL).state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def images(tiny_deepfashion2, tmp_path_factory):
    folder = tmp_path_factory.mktemp('shop') / 'images'
    shutil.copytree(tiny_deepfashion2[0] / 'train' / 'image', folder)
    (folder / 'broken.jpg').write_bytes(b'not an image')
    return folder


@pytest.fixture(scope='module')
def built(weights, images, run_python):
    """An index, and the process that made it."""
    index = images.parent / 'shop.index'
    done = run_python(
        *(TOOL, 'build', images, '--out', index, '--config', MODEL),
        *('--checkpoint', weights, '--score-thr', '0'),
    )
    return index, done


def test_build_names_what_it_skips(built):
    index, done = built
    assert index.exists()
    assert '4 images added' in done.stdout
    assert '1 skipped' in done.stdout
    assert 'broken.jpg: ' in done.stderr
    assert 'cannot be read as an image' in done.stderr


def test_query_needs_the_index_and_an_image_only(
    built, images, run_tool, tmp_path
):
    index, _ = built
    image = sorted(images.glob('0*.jpg'))[0]
    sheet, found = tmp_path / 'sheet.jpg', tmp_path / 'found.json'
    run_tool(
        *(TOOL, 'query', index, image, '--topk', '3', '--out', sheet),
        *('--json', found, '--score-thr', '0'),
    )
    garments = json.loads(found.read_text())['garments']
    assert 0 < len(garments) <= 10
    for garment in garments:
        assert len(garment['matches']) == 3
        # the image is in the gallery itself: nothing is more similar, the
        # sign of random weights apart
        similarities = [m['similarity'] for m in garment['matches']]
        assert similarities == sorted(similarities, reverse=True)
    height = CAPTION + 260 * len(garments)
    assert cv2.imread(str(sheet)).shape == (height, 800, 3)


def test_another_checkpoint_is_refused(
    built, weights, images, run_tool, tmp_path
):
    index, _ = built
    image = sorted(images.glob('0*.jpg'))[0]
    other = tmp_path / 'other.pth'
    state = torch.load(weights)['state_dict']
    state['roi_head.match_head.fc.bias'] += 1
    torch.save({'state_dict': state}, other)
    done = run_tool(
        *(TOOL, 'query', index, image, '--weights', other), status=2
    )
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith('error: ')
    assert 'built with another checkpoint' in message


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['build', 'gone', '--out', 'a.index'], 'gone does not exist'),
        (['query', 'gone.index', 'a.jpg'], 'not found: gone.index'),
        (['query', '{index}', 'a.jpg', '--topk', '0'], 'at least 1, got 0'),
        (['query', '{index}', 'a.jpg', '--out', 'a.txt'], 'got a.txt'),
        (['query', '{index}', 'gone.jpg'], 'gone.jpg: no such file'),
    ],
)
def test_what_a_user_gets_wrong(command, message, built, weights, run_tool):
    command = [part.format(index=built[0]) for part in command]
    if command[0] == 'build':
        command += ['--config', MODEL, '--checkpoint', weights]
    done = run_tool(TOOL, *command, status=2)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('error: ')
    assert message in last
    assert 'Traceback' not in done.stderr


@pytest.mark.fault(18)
def test_info_update_and_remove(built, images, run_tool, tmp_path):
    index = tmp_path / 'shop.index'
    shutil.copy(built[0], index)
    text = run_tool(TOOL, 'info', index).stdout
    assert f'config:          {MODEL}' in text
    assert 'images:          4' in text
    assert f'        4  {images}' in text
    (images / 'broken.jpg').touch()  # was never in the index
    done = run_tool(TOOL, 'update', index)
    assert '0 images added, 4 images were indexed before' in done.stdout
    done = run_tool(TOOL, 'remove', index, images)
    assert f'{index}: 4 images, ' in done.stdout
    done = run_tool(TOOL, 'remove', index, images, status=2)
    assert 'none of its 0 images' in done.stderr


@pytest.mark.fault(2)
@pytest.mark.parametrize('command', ['query', 'update'])
def test_a_config_that_an_index_names_is_not_run(
    command, built, images, run_tool, tmp_path
):
    evil, index = tmp_path / 'evil.py', GalleryIndex.load(built[0])
    evil.write_text(f'open({str(tmp_path / "ran")!r}, "w")')
    index.origin = {**index.origin, 'config': str(evil)}
    index.save(tmp_path / 'a.index')
    more = [sorted(images.glob('0*.jpg'))[0]] if command == 'query' else []
    done = run_tool(TOOL, command, tmp_path / 'a.index', *more, status=2)
    assert 'name it with --model' in done.stderr
    assert not (tmp_path / 'ran').exists()
