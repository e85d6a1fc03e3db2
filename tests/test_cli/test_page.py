# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion app``: which models its pages get, and how it ends."""

import contextlib
from types import SimpleNamespace

import pytest

from mmfashion_ext.app import server
from mmfashion_ext.app.uploads import Upload, read_photo
from mmfashion_ext.cli import defaults, page
from mmfashion_ext.cli.gallery_actions import EncoderOptions
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub.encoders import default_encoder
from mmfashion_ext.match_rcnn.gallery import query_gallery


@pytest.fixture
def served(monkeypatch):
    """What the command serves, in place of a server that does."""
    calls = []

    @contextlib.contextmanager
    def serve(choices, host, port):
        calls.append(SimpleNamespace(choices=choices, host=host, port=port))
        yield SimpleNamespace(url='http://here/')

    monkeypatch.setattr(server, 'serve', serve)
    monkeypatch.setattr(page, 'wait', lambda: None)
    return calls


@pytest.fixture
def unpublished(monkeypatch):
    """A function that leaves some pages without a published model."""
    published = defaults.published_models

    def hide(*tasks):
        monkeypatch.setattr(
            defaults,
            'published_models',
            lambda task: [] if task in tasks else published(task),
        )

    return hide


def test_published_models_without_options(mmfashion, served, unpublished):
    unpublished('gallery')
    done = mmfashion('app')
    assert done.stdout == 'pages: http://here/ (Ctrl-C ends)\n'
    assert done.stderr == ''
    (call,) = served
    assert (call.host, call.port) == ('127.0.0.1', None)
    for task in ('predict', 'try-on', 'reid'):
        choice = call.choices[task]
        assert choice.model == defaults.published_models(task)[0]
        assert callable(choice.build)
    # without a retrieval model the published image encoder compares
    shop = call.choices['gallery']
    assert shop.model == default_encoder()
    assert callable(shop.build)


def test_without_retrieval_model_and_encoder(
    mmfashion, served, unpublished, monkeypatch
):
    unpublished('gallery')
    monkeypatch.setattr(
        'mmfashion_ext.hub.encoders.published_encoders', lambda: []
    )
    mmfashion('app')
    (call,) = served
    shop = call.choices['gallery']
    assert shop.build is None
    assert shop.missing.startswith('No model of consumer-to-shop retrieval')
    assert 'mmfashion app --gallery INDEX' in shop.missing
    assert '--retrieval-weights FILE' in shop.missing


def test_a_model_of_ones_own(mmfashion, served, weights):
    _, name, _, file = weights('reid')
    mmfashion(
        *('app', '--reid-model', name, '--reid-weights', file),
        *('--host', '0.0.0.0', '--port', '8000', '--device', 'cpu'),
    )
    (call,) = served
    assert (call.host, call.port) == ('0.0.0.0', 8000)
    choice = call.choices['reid']
    assert choice.model == name
    assert type(choice.build()).__name__ == 'SCANInferencer'


def test_an_image_encoder_needs_no_retrieval_model(served, unpublished):
    unpublished('gallery')
    encoder = EncoderOptions(encoder='timm:resnet18', encoder_weights='x.pth')
    choice = page.choose_shop(None, encoder, None)
    assert choice.model == 'timm:resnet18'
    assert choice.missing == ''


def test_a_folder_then_its_index(image, weights, tmp_path):
    """Both ways find the same."""
    for name in ('shop/a.png', 'shop/b.png'):
        image(name, (160, 120))
    _, name, _, file = weights('gallery')
    encoder = EncoderOptions(name, file, 'cpu', score_thr=0)
    folder = str(tmp_path / 'shop')
    first = page.choose_shop(folder, encoder, tmp_path).build()
    index = str(tmp_path / 'shop.index')
    choice = page.choose_shop(
        index, EncoderOptions(device='cpu', score_thr=0), tmp_path
    )
    assert choice.model == name
    second = choice.build()
    path = tmp_path / 'shop' / 'a.png'
    photo = read_photo(Upload(path, 'a.png'))
    found = [
        query_gallery(photo.image, shop.index, shop.encoder, 2)
        for shop in (first, second)
    ]
    assert found[0] == found[1]
    assert len(found[0][0]['matches']) == 2


def test_what_a_user_gets_wrong(error, served, tmp_path):
    assert 'gone.index' in error('app', '--gallery', 'gone.index')
    (tmp_path / 'bad.index').write_text('x')
    assert 'bad.index' in error('app', '--gallery', 'bad.index')
    assert 'expected a whole number' in error('app', '--port', '0')
    assert "'nothing'" in error('app', '--det-model', 'nothing')
    line = error('app', '--reid-weights', 'gone.pth')
    assert line.startswith('--reid-weights gone.pth: no such file')
    assert served == []


def test_a_model_of_another_system_is_told_on_its_page(weights):
    _, name, _, file = weights('reid')
    choice = page.choose('try-on', name, file, None)
    with pytest.raises(UserError, match='mmfashion reid'):
        choice.build()
