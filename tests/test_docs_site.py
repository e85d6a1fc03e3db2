# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Site of the docs: built strictly, with each page and each docstring."""

import logging
import re
from importlib import import_module
from pathlib import Path

import pytest

from mmfashion_ext import plugins

griffe = pytest.importorskip('griffe')

ROOT = Path(__file__).resolve().parents[1]
URL = 'https://example.org/fashion'


@pytest.fixture(scope='module')
def hooks():
    """The module with the hooks of ``mkdocs.yml``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools' / 'misc'))
        yield import_module('docs_site')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The site, its API reference with one room; a warning is an error.

    All rooms need 6 s; test_docstrings_can_be_read reads them.
    """
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv('NO_MKDOCS_2_WARNING', '1')
        out = tmp_path_factory.mktemp('site')
        config = load_config('mkdocs.yml', site_dir=str(out))
        assert config.strict
        (loaded,) = config.hooks.values()
        patch.setattr(loaded, 'ROOMS', {'errors': 'Errors'})
        config.plugins.run_event('startup', command='build', dirty=False)
        build(config)
        config.plugins.run_event('shutdown')
    return out


def test_the_site_is_built_without_warnings(site):
    page = (site / 'index.html').read_text()
    assert '<title>mmfashion_ext</title>' in page
    assert 'tasks/try_on.html' in page


def test_every_page_of_the_docs_is_on_the_site_and_in_its_menu(site):
    menu = (site / 'index.html').read_text()
    for path in (ROOT / 'docs').rglob('*.md'):
        name = path.relative_to(ROOT / 'docs').with_suffix('.html').as_posix()
        assert (site / name).is_file(), name
        assert f'href="{name}"' in menu, name
    for name in ('model_zoo.html', 'notebooks/person.html', 'api/errors.html'):
        assert f'href="{name}"' in menu, name


def test_the_api_reference_is_made_of_docstrings(site):
    page = (site / 'api' / 'errors.html').read_text()
    assert 'id="mmfashion_ext.errors.UserError"' in page
    assert ':class:' not in re.sub('<[^>]*>', '', page)


def test_links_out_of_the_docs_lead_to_the_repository(site, hooks):
    page = (site / 'landmark.html').read_text()
    url = hooks.repository_url()
    assert f'{url}/blob/main/configs/landmark/README.md' in page
    text = '[a](../tools/train.py#x) [b](../configs) `[c](../d)` [e](tools.md)'
    assert hooks.rewrite_links(text, 'docs/cli.md', URL) == (
        f'[a]({URL}/blob/main/tools/train.py#x) '
        f'[b]({URL}/tree/main/configs) `[c](../d)` [e](tools.md)'
    )
    text = '[a](../../model_zoo.md#b) ![c](../images/d.jpg) [e](#f)'
    assert hooks.rewrite_links(text, 'docs/tasks/clothes.md', URL) == (
        '[a](../model_zoo.md#b) ![c](../images/d.jpg) [e](#f)'
    )
    text = '[a](../docs/cli.md)'
    assert hooks.rewrite_links(text, 'notebooks/x.ipynb', URL) == (
        '[a](../cli.md)'
    )


def test_a_page_that_the_menu_does_not_name_is_added(hooks, tmp_path):
    for name in ('index.md', 'new.md'):
        (tmp_path / name).write_text('# Title')
    nav = hooks.complete_nav([{'Home': 'index.md'}, {'API': []}], tmp_path)
    assert nav[0] == {'Home': 'index.md'}
    assert nav[1]['API'][0] == 'api/hub.md'
    assert nav[-1] == {hooks.MORE: ['new.md']}


@pytest.mark.parametrize('system', plugins.SYSTEMS)
def test_the_reference_has_all_that_a_system_exports(hooks, system):
    init = ROOT / 'mmfashion_ext' / system / '__init__.py'
    names = [path.rpartition('.')[2] for path in hooks.public_names(init)]
    assert {*names} == {*plugins.exports(system)}
    assert system in hooks.ROOMS


@pytest.mark.parametrize('room', ['hub', 'lite', 'runner', 'synthetic'])
def test_the_reference_has_all_that_a_room_exports(hooks, room):
    init = ROOT / 'mmfashion_ext' / room / '__init__.py'
    exported = import_module(f'mmfashion_ext.{room}').__all__
    names = [path.rpartition('.')[2] for path in hooks.public_names(init)]
    assert {*names} == {*exported}


def test_docstrings_can_be_read(caplog):
    """`make docs` would stop at a warning of griffe; hosts are not needed."""
    options = {
        'returns_multiple_items': False,
        'returns_named_value': False,
        'warn_unknown_params': False,
    }
    text = (ROOT / 'mkdocs.yml').read_text()
    for name in options:
        assert f'{name}: false' in text
    package = griffe.load(
        'mmfashion_ext',
        search_paths=[ROOT],
        allow_inspection=False,
        docstring_parser='google',
    )

    def parse(node):
        for member in node.members.values():
            if not member.is_alias:
                if member.docstring:
                    member.docstring.parse('google', **options)
                parse(member)

    with caplog.at_level(logging.WARNING):
        parse(package)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == []
    assert package['match_rcnn.landmark_head.LandmarkHead'].docstring
