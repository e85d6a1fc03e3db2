# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion gallery`` with random weights."""

import json

import pytest
import timm
import torch

from mmfashion_ext.cli import defaults
from mmfashion_ext.hub.encoders import default_encoder
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.stores.faiss import FaissStore


@pytest.fixture
def built(mmfashion, image, weights, tmp_path):
    """An index of two images, and what the build printed."""
    for name in ('shop/a.png', 'shop/b.png'):
        image(name, (160, 120))
    (tmp_path / 'shop' / 'bad.jpg').write_text('no image')
    return mmfashion(
        *('gallery', 'build', 'shop', '--out', 'shop.index'),
        *(*weights('gallery'), '--score-thr', '0'),
    )


def test_build_query_update_remove_info(mmfashion, built, tmp_path, image):
    assert built.stdout.startswith('shop.index: ')
    assert 'of 2 images added' in built.stdout
    (warning,) = built.stderr.splitlines()
    assert warning.startswith('warning: 1 of the inputs skipped: ')
    assert 'bad.jpg' in warning
    query = ['gallery', 'query', 'shop.index', 'shop/a.png']
    query += ['--score-thr', '0', '--top', '2']
    done = mmfashion(*query, '--out', 'sheet.jpg')
    title, first, second, *_, wrote = done.stdout.splitlines()
    assert ', box ' in title
    assert [line.split()[0] for line in (first, second)] == ['1', '2']
    assert wrote == 'wrote sheet.jpg'
    assert (tmp_path / 'sheet.jpg').is_file()
    found = json.loads(mmfashion(*query, '--json').stdout)
    assert found['input'] == 'shop/a.png'
    assert len(found['garments'][0]['matches']) == 2
    image('more/c.png', (160, 120))
    done = mmfashion(
        *('gallery', 'update', 'shop.index', 'more', '--score-thr', '0')
    )
    assert 'of 1 images added' in done.stdout
    done = mmfashion('gallery', 'remove', 'shop.index', 'more')
    assert done.stdout.startswith('shop.index: 1 images, ')
    assert 'images' in mmfashion('gallery', 'info', 'shop.index').stdout


def test_what_a_user_gets_wrong(error, weights, image, tmp_path):
    a = image('a.png')
    for command in ('query', 'update', 'info'):
        words = ['gallery', command, 'gone.index']
        words += [a] if command == 'query' else []
        assert 'gone.index' in error(*words)
    (tmp_path / 'bad.index').write_text('x')
    assert 'bad.index' in error('gallery', 'query', 'bad.index', a)
    assert '--out must end with .jpg or .png' in error(
        *('gallery', 'query', 'gone.index', a, '--out', 'a.txt')
    )
    assert 'mmfashion try-on' in error(
        *('gallery', 'build', a, '--out', 'i', *weights('try-on'))
    )


def test_an_index_of_an_image_encoder(mmfashion, error, weights, image):
    """What was named once is known of the index from then on."""
    image('shop/a.png', (160, 120))
    build = ['gallery', 'build', 'shop', '--out', 'shop.index']
    build += [*weights('predict'), '--score-thr', '0']
    build += ['--encoder', 'test_efficientnet']
    assert '--encoder-weights FILE' in error(*build)
    torch.save(timm.create_model('test_efficientnet').state_dict(), 'w.pth')
    mmfashion(*build, '--encoder-weights', 'w.pth')
    query = ['gallery', 'query', 'shop.index', 'shop/a.png', '--json']
    found = json.loads(mmfashion(*query, '--score-thr', '0').stdout)
    best = found['garments'][0]['matches'][0]
    assert best['similarity'] == pytest.approx(1, abs=1e-3)
    info = mmfashion('gallery', 'info', 'shop.index').stdout
    assert 'timm:test_efficientnet' in info
    assert '--encoder NAME' in error(
        *('gallery', 'build', 'shop', '--out', 'i', *weights('gallery')),
        *('--encoder-weights', 'w.pth'),
    )


def test_an_index_with_a_store(mmfashion, error, built, image):
    """Build, update and remove keep it equal to the index; query uses it."""
    shop = ('shop.index', '--score-thr', '0')
    done = mmfashion('gallery', 'query', *shop, 'shop/a.png', '--json')
    words = ('gallery', 'build', 'shop', '--out', *shop)
    origin = GalleryIndex.load('shop.index').origin
    model = ['--model', origin['config'], '--weights', origin['checkpoint']]
    stored = mmfashion(*words, *model, '--store', 'faiss')
    number = len(GalleryIndex.load('shop.index'))
    assert f'store faiss: {number} vectors added' in stored.stdout
    query = ('gallery', 'query', *shop, 'shop/a.png', '--json')
    assert json.loads(mmfashion(*query).stdout) == json.loads(done.stdout)
    mmfashion('gallery', 'remove', 'shop.index', 'shop/b.png')
    left = len(GalleryIndex.load('shop.index'))
    store = FaissStore(
        'shop.index.faiss', GalleryIndex.load(shop[0]).similarity
    )
    assert len(store) == left < number
    assert '--store-url http://x:1: only --store milvus' in error(
        *words, *model, '--store-url', 'http://x:1'
    )


def test_default_is_the_published_encoder_without_a_retrieval_model(
    monkeypatch,
):
    # what is named is used; only where nothing is, and there is no retrieval
    # model, the encoder compares the garments
    published = []
    monkeypatch.setattr(defaults, 'published_models', lambda _: published)
    choose = defaults.choose_encoder
    assert choose(None, None, None) == default_encoder() is not None
    assert choose(None, None, 'timm:other') == 'timm:other'
    assert choose('model', None, None) is None
    assert choose(None, 'weights.pth', None) is None
    published.append('a retrieval model')
    assert choose(None, None, None) is None
