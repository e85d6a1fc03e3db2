# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Build the site of the documentation: MkDocs, and hooks for it.

The pages are the files of ``docs/``, which GitHub shows as they are. The hooks
add the model zoo, the notebooks as pages, and the API reference, whose entries
mkdocstrings reads from the sources as text; they name the pages that ``nav``
of ``mkdocs.yml`` does not name, and turn links to other files of the
repository into links to the repository's site.

Examples:
    python tools/misc/docs_site.py          # make docs
    python tools/misc/docs_site.py --serve  # make docs-serve
"""

import argparse
import ast
import json
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = 'mmfashion_ext'

#: Room -> title of its page in the API reference.
ROOMS = {
    'hub': 'Models by name',
    'zoo': 'What is known of a model',
    'inferencer': 'Inferencers: what all share',
    'match_rcnn': 'Match R-CNN',
    'landmark': 'Landmarks',
    'scan': 'SCAN',
    'tryon': 'Try-on',
    'lite': 'Without PyTorch',
    'synthetic': 'Synthetic datasets',
    'formats': 'Formats of datasets',
    'evaluation': 'Evaluation protocols',
    'retrieval': 'Retrieval',
    'runner': 'Training and test',
    'registry': 'Registries',
    'plugins': 'Systems and their hosts',
    'errors': 'Errors',
}
#: Section of ``nav`` with the pages that it does not name.
MORE = 'More'

_LINK = re.compile(
    r'(\]\()(?!https?:|mailto:|data:|#)([^)\s#]+)((?:#[^)\s]*)?\))'
)
_ROLE = re.compile(r':(?:class|func|meth|mod|data|attr|exc):<code>[.~]?')
_CELL = re.compile(r'<td.*?</td>', re.S)
_CODE = re.compile(r'(^```.*?^```$|`[^`\n]+`)', re.M | re.S)


def on_config(config: Any) -> Any:
    """Complete ``nav``, and name the repository's site."""
    config.repo_url = repository_url()
    config.nav = complete_nav(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not files of ``docs/``."""
    from mkdocs.structure.files import File

    for name, text in generated_pages(config.repo_url).items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Rewrite the links of a page that leave ``docs/``."""
    if page.file.generated_by:
        return markdown
    source = posixpath.join('docs', page.file.src_uri)
    return rewrite_links(markdown, source, config.repo_url)


def on_page_content(html: str, **_: Any) -> str:
    """Show what differs from GitHub, and from Sphinx, as plain text.

    Those are bars in code in a table, which GitHub wants to be escaped, and
    the roles of docstrings, such as ``:func:``.
    """
    html = _CELL.sub(lambda cell: cell[0].replace('\\|', '|'), html)
    return _ROLE.sub('<code>', html)


def repository_url() -> str:
    """Return the address of the repository: that of ``setup.py``."""
    text = (ROOT / 'setup.py').read_text(encoding='utf-8')
    return re.search(r"^URL = '(.+)'$", text, re.M)[1]


def complete_nav(nav: list[Any], folder: Path) -> list[Any]:
    """Return ``nav`` with every page of ``docs/`` and the generated ones."""
    named = set(_pages_of(nav))
    here = {
        path.relative_to(folder).as_posix() for path in folder.rglob('*.md')
    }
    notebooks = [
        f'notebooks/{path.stem}.md'
        for path in sorted((ROOT / 'notebooks').glob('*.ipynb'))
    ]
    added = {
        'API': [f'api/{room}.md' for room in ROOMS],
        'Notebooks': notebooks,
        MORE: sorted(here - named),
    }
    nav = [
        {title: (pages or []) + added.pop(title, [])}
        if isinstance(pages, list)
        else entry
        for entry in nav
        for title, pages in [*entry.items()]
    ]
    return nav + [{title: pages} for title, pages in added.items() if pages]


def _pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif nav:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages_of(entry)


def generated_pages(url: str) -> dict[str, str]:
    """Return the pages that are not files of ``docs/``: name -> Markdown."""
    zoo = (ROOT / 'model_zoo.md').read_text(encoding='utf-8')
    pages = {'model_zoo.md': rewrite_links(zoo, 'model_zoo.md', url)}
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        source = f'notebooks/{path.name}'
        text = notebook_page(path, f'{url}/blob/main/{source}')
        pages[f'notebooks/{path.stem}.md'] = rewrite_links(text, source, url)
    for room, title in ROOMS.items():
        pages[f'api/{room}.md'] = api_page(room, title)
    return pages


def rewrite_links(text: str, source: str, url: str) -> str:
    """Make the links of a page right for the site.

    Args:
        text (str): Markdown with links relative to the file ``source``.
        source (str): The page's file, below the repository's root.
        url (str): Address of the repository.

    Returns:
        str: Links to pages are relative to the page on the site, where
            ``docs/`` is the root; links to other files lead to ``url``.
    """
    page = source.removeprefix('docs/')

    def rewrite(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        file = posixpath.normpath(
            posixpath.join(posixpath.dirname(source), target)
        )
        name = _page_name(file)
        if name is None:
            kind = 'tree' if (ROOT / file).is_dir() else 'blob'
            return f'{before}{url}/{kind}/main/{file}{after}'
        place = posixpath.dirname(page)
        return f'{before}{posixpath.relpath(name, place or ".")}{after}'

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(rewrite, part) for part in parts[::2]]
    return ''.join(parts)


def _page_name(file: str) -> str | None:
    """Return the name on the site of a file of the repository, if any."""
    if file.startswith('docs/'):
        return file.removeprefix('docs/')
    if file == 'model_zoo.md':
        return file
    if file.startswith('notebooks/') and file.endswith('.ipynb'):
        return file.removesuffix('.ipynb') + '.md'
    return None


def notebook_page(path: Path, url: str) -> str:
    """Return a notebook as Markdown: text, code and what it printed."""
    title, *cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    parts = [''.join(title['source']), f'[The notebook]({url})']
    for cell in cells:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'markdown':
            parts.append(source)
            continue
        parts.append(f'```python\n{source}\n```')
        for output in cell['outputs']:
            data = output.get('data', {'text/plain': output.get('text')})
            if 'image/jpeg' in data:
                image = ''.join(data['image/jpeg']).strip()
                parts.append(f'![Result](data:image/jpeg;base64,{image})')
            else:
                printed = ''.join(data['text/plain']).rstrip()
                parts.append(f'```text\n{printed}\n```')
    return '\n\n'.join(parts) + '\n'


def api_page(room: str, title: str) -> str:
    """Return the page of a room: directives of mkdocstrings."""
    parts = [f'# {title}', f'`{PACKAGE}.{room}`']
    folder = ROOT / PACKAGE / room
    if not folder.is_dir():
        return '\n\n'.join([*parts, _directive(room, root=False)]) + '\n'
    parts.append(_directive(room, root=False, members=False))
    for name in public_names(folder / '__init__.py') or _modules(folder):
        parts.append(_directive(name))
    return '\n\n'.join(parts) + '\n'


def _directive(path: str, root: bool = True, members: bool = True) -> str:
    lines = [f'::: {PACKAGE}.{path}']
    options: dict[str, str] = {}
    if not root:
        options = {
            'show_root_heading': 'false',
            'show_root_toc_entry': 'false',
        }
    if not root and not members:
        options['members'] = 'false'
    if options:
        lines.append('    options:')
        lines += [f'      {key}: {value}' for key, value in options.items()]
    return '\n'.join(lines)


def _modules(folder: Path) -> list[str]:
    """Return the modules of a room, as dotted names below the package."""
    return [
        '.'.join(path.relative_to(folder.parent).with_suffix('').parts)
        for path in sorted(folder.rglob('*.py'))
        if not path.name.startswith('_')
    ]


def public_names(init: Path) -> list[str]:
    """Return what a room exports: ``room.module.Name``, below the package.

    They are read as text: from the table of :func:`plugins.lazy_exports` (or
    one of that form, ``_EXPORTS``), or from the imports of the file.
    """
    room, tree = init.parent.name, ast.parse(init.read_text(encoding='utf-8'))
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict) and node.keys:
            try:
                table = ast.literal_eval(node)
            except ValueError:
                continue
            for key, value in table.items():
                if isinstance(value, tuple):
                    found |= {name: f'{room}.{key}.{name}' for name in value}
                elif key[:1].isupper():
                    found[key] = f'{room}.{value}.{key}'
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = f'{room}.' if node.level == 1 else ''
            for alias in node.names:
                found[alias.name] = f'{above}{node.module}.{alias.name}'
    exported = _exported(tree)
    names = [path for name, path in found.items() if name in exported]
    names += [
        f'{room}.{node.name}'
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in exported
    ]
    return sorted(names, key=lambda path: path.rpartition('.')[2].lower())


def _exported(tree: ast.Module) -> set[str]:
    """Return the texts of ``__all__`` and of the tables beside it."""
    return {
        node.value
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def main() -> None:
    """Build the site, or serve it while it is edited."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--out', default='site', help='folder (default: %(default)s)'
    )
    parser.add_argument(
        '--serve',
        action='store_true',
        help='show it at http://127.0.0.1:8000 instead, and build it again '
        'when a file changes',
    )
    args = parser.parse_args()
    from mmfashion_ext.errors import UserError
    from mmfashion_ext.plugins import is_installed

    if not all(map(is_installed, ('mkdocs', 'material', 'mkdocstrings'))):
        raise UserError(
            'the site needs mkdocs-material and mkdocstrings. Run: pip '
            "install 'mmfashion_ext[docs]', or make setup in a clone"
        )
    # MkDocs' advertisement for its successors
    os.environ.setdefault('NO_MKDOCS_2_WARNING', '1')
    from mkdocs.__main__ import cli

    options = ['--config-file', str(ROOT / 'mkdocs.yml')]
    if args.serve:
        cli(['serve', *options], prog_name='mkdocs')
    out = str(Path(args.out).absolute())
    cli(['build', '--strict', *options, '--site-dir', out], prog_name='mkdocs')


if __name__ == '__main__':
    from mmfashion_ext.utils.cli import run_tool

    run_tool(main)
