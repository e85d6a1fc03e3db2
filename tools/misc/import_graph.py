# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Import graph of the package: which room imports which, checked and drawn.

Modules are read as text; nothing is imported. A room is a folder or a file
directly in the package, or a folder beside it (tools, demo, benchmarks).

Examples:
    python tools/misc/import_graph.py --check
    python tools/misc/import_graph.py --draw docs/dev/images/rooms.svg
    python tools/misc/import_graph.py --table
"""

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from html import escape
from pathlib import Path
from typing import NamedTuple

PACKAGE = 'mmfashion_ext'
ROOT = Path(__file__).resolve().parents[2]

_GROUND = ('errors', 'plugins', 'utils')
_SHARED = (*_GROUND, 'formats', 'evaluation', 'retrieval')
_SYSTEM = (*_SHARED, 'registry', 'hub', 'inferencer')
_SYSTEMS = ('match_rcnn', 'landmark', 'scan', 'tryon')
_TOP = (*_SYSTEM, 'runner', 'publish', 'synthetic', 'zoo', 'lite')

#: Room -> rooms that it may import. docs/dev/contributing.md shows the table.
ALLOWED_IMPORTS: dict[str, tuple[str, ...]] = {
    'errors': (),
    'plugins': (),
    'utils': ('errors', 'plugins'),
    'registry': ('plugins',),
    'formats': _GROUND,
    'evaluation': (*_GROUND, 'formats'),
    'retrieval': (*_GROUND, 'formats'),
    'hub': (*_GROUND, 'formats', 'evaluation'),
    'inferencer': (*_GROUND, 'hub'),
    'runner': (*_GROUND, 'hub'),
    'publish': (*_SHARED, 'hub'),
    'zoo': (*_SHARED, 'hub', 'synthetic'),
    'synthetic': (*_GROUND, 'formats'),
    'match_rcnn': _SYSTEM,
    'landmark': _SYSTEM,
    'scan': _SYSTEM,
    'tryon': (*_SYSTEM, 'synthetic'),
    # of the systems only modules that import no PyTorch, which tests hold
    'lite': (*_GROUND, 'formats', 'inferencer', 'scan', 'tryon'),
    'app': (*_GROUND, 'hub', 'synthetic', 'match_rcnn', 'scan'),
    '__init__': ('hub', 'zoo'),
    'cli': (*_TOP, *_SYSTEMS, '__init__', 'app'),
    '__main__': ('cli',),
    'tools': (*_TOP, *_SYSTEMS, '__init__', 'cli'),
    'benchmarks': (*_TOP, *_SYSTEMS),
    'demo': (*_TOP, *_SYSTEMS, '__init__', 'cli'),
}

#: Modules of command lines, and the rooms that may import them.
COMMAND_LINE = {f'{PACKAGE}.utils.cli', f'{PACKAGE}.runner'}
COMMAND_LINE_USERS = {
    'cli',
    'tools',
    'demo',
    'benchmarks',
    'runner',
    'publish',
}


class Import(NamedTuple):
    """An import of a module of the package by another one."""

    importer: str
    imported: str


class ImportGraph:
    """Imports between the modules of a repository, read as text.

    Args:
        root (Path): The repository.

    Attributes:
        modules (dict[str, Path]): Name -> file, of the package and of the
            folders beside it.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.modules: dict[str, Path] = {}
        for folder in (PACKAGE, 'tools', 'benchmarks', 'demo'):
            for path in sorted((root / folder).rglob('*.py')):
                if '.mim' in path.parts:
                    continue
                parts = path.relative_to(root).with_suffix('').parts
                name = '.'.join(parts).removesuffix('.__init__')
                self.modules[name] = path

    @cached_property
    def imports(self) -> set[Import]:
        """All imports, without those for type checkers alone."""
        return {
            Import(name, imported)
            for name, path in self.modules.items()
            for imported in self._imported(name, path)
            if imported != name
        }

    def _imported(self, name: str, path: Path) -> Iterator[str]:
        package = name
        if path.name != '__init__.py':
            package = name.rpartition('.')[0]
        for node in _runtime_nodes(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.modules:
                        yield alias.name
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ''
                if node.level:
                    above = package.split('.')
                    above = above[: len(above) - node.level + 1]
                    base = '.'.join([*above, *filter(None, [node.module])])
                for alias in node.names:
                    inner = f'{base}.{alias.name}'
                    found = inner if inner in self.modules else base
                    if found in self.modules:
                        yield found

    @cached_property
    def rooms(self) -> dict[str, set[str]]:
        """Room -> rooms that it imports."""
        found: dict[str, set[str]] = {
            room_of(name): set() for name in self.modules
        }
        for importer, imported in self.imports:
            if room_of(importer) != room_of(imported):
                found[room_of(importer)].add(room_of(imported))
        return found

    def circles(self) -> list[list[str]]:
        """Return the groups of modules that import each other in a circle."""
        above = defaultdict(set)
        for importer, imported in self.imports:
            above[importer].add(imported)
        return [
            sorted(group)
            for group in _strong_components(above)
            if len(group) > 1
        ]

    def problems(self) -> list[str]:
        """Return what breaks the rules, a line each."""
        lines = [
            f'{" and ".join(group)} import each other in a circle'
            for group in self.circles()
        ]
        for importer, imported in sorted(self.imports):
            room, other = room_of(importer), room_of(imported)
            if room not in ALLOWED_IMPORTS:
                lines.append(f'{room}: a room without a row in the table')
            elif room != other and other not in ALLOWED_IMPORTS[room]:
                lines.append(
                    f'{importer} imports {imported}: {room} may not import '
                    f'{other}'
                )
            elif (
                imported in COMMAND_LINE
                and room not in COMMAND_LINE_USERS
                and not importer.endswith('__main__')
            ):
                lines.append(
                    f'{importer} imports {imported}, a module of command lines'
                )
        return sorted(set(lines))


def room_of(module: str) -> str:
    """Return the room of a module: its folder, or its file in the package."""
    first, _, rest = module.partition('.')
    if first != PACKAGE:
        return first
    return rest.partition('.')[0] or '__init__'


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes outside ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test):
            continue
        yield node
        yield from _runtime_nodes(node)


def _strong_components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            position = stack.index(node)
            found.append({*stack[position:]})
            del stack[position:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def floors(rooms: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms by floor, the top one first.

    A room stands one floor above the highest room that it imports; rooms that
    import each other share a floor.
    """
    group = {
        room: number
        for number, component in enumerate(_strong_components(rooms))
        for room in component
    }
    level: dict[int, int] = {}

    def height(number: int) -> int:
        if number not in level:
            below = {
                group[other]
                for room, others in rooms.items()
                if group[room] == number
                for other in others
            } - {number}
            level[number] = 1 + max(map(height, below), default=-1)
        return level[number]

    for room in rooms:
        height(group[room])
    top = max(level.values(), default=0)
    return [
        sorted(room for room in rooms if level[group[room]] == floor)
        for floor in range(top, -1, -1)
    ]


_WIDTH, _FLOOR, _BOX, _HEIGHT = 1000, 96, 118, 40  # px


def draw(graph: ImportGraph) -> str:
    """Draw the rooms by floor, as SVG; an arrow points to what is imported.

    The rooms of the ground floor have no arrows: every room may import them.
    An arrow that a longer way makes needless is grey; one that runs against
    the table or back up is red.
    """
    ground = sorted({*_GROUND} & {*graph.rooms})
    rooms = {
        room: others - {*ground}
        for room, others in graph.rooms.items()
        if room not in ground
    }
    rows = [*floors(rooms), ground]
    place = {
        room: (
            _WIDTH * (2 * column + 1) / (2 * len(row)),
            20 + _FLOOR * floor,
            floor,
        )
        for floor, row in enumerate(rows)
        for column, room in enumerate(row)
    }
    reach = _reachable(rooms)
    lines = []
    for room, others in sorted(rooms.items()):
        for other in sorted(others):
            needless = any(
                other in reach[third] for third in others - {other, room}
            )
            bad = place[other][2] <= place[room][2]
            if {room, other} <= {*ALLOWED_IMPORTS}:
                bad |= other not in ALLOWED_IMPORTS[room]
            color = '#c0392b' if bad else '#d0d5da' if needless else '#51606e'
            lines.append(
                (needless and not bad, _arrow(place, room, other, color))
            )
    lines.sort(key=lambda line: not line[0])
    boxes = [_box(room, *place[room][:2]) for room in sorted(place)]
    height = 20 + _FLOOR * len(rows)
    return '\n'.join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
            'font-size="14" text-anchor="middle">',
            f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
            *[line for _, line in lines],
            *boxes,
            '</svg>',
            '',
        ]
    )


def _reachable(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    reach = {room: set(others) for room, others in rooms.items()}
    for _ in rooms:
        for others in reach.values():
            others |= {far for near in [*others] for far in reach[near]}
    return reach


def _arrow(place: dict, room: str, other: str, color: str) -> str:
    x1, y1, _ = place[room]
    x2, y2, _ = place[other]
    y1 += _HEIGHT
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {middle:.0f} {x2:.0f} '
        f'{middle:.0f} {x2:.0f} {y2 - 7:.0f}" fill="none" stroke="{color}"/>'
        f'<path d="M{x2 - 4:.0f} {y2 - 8:.0f} L{x2 + 4:.0f} {y2 - 8:.0f} '
        f'L{x2:.0f} {y2:.0f} Z" fill="{color}"/>'
    )


def _box(room: str, x: float, y: float) -> str:
    name = f'{PACKAGE}' if room == '__init__' else room
    return (
        f'<rect x="{x - _BOX / 2:.0f}" y="{y:.0f}" width="{_BOX}" '
        f'height="{_HEIGHT}" rx="5" fill="#eaf1f8" stroke="#51606e"/>'
        f'<text x="{x:.0f}" y="{y + 25:.0f}">{escape(name)}</text>'
    )


def table() -> str:
    """Return the table of allowed imports as Markdown."""
    rows = [
        f'| `{room}` | {", ".join(f"`{x}`" for x in allowed) or "nothing"} |'
        for room, allowed in ALLOWED_IMPORTS.items()
    ]
    return '\n'.join(['| room | may import |', '|---|---|', *rows])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--root', type=Path, default=ROOT, help='repository; default: this one'
    )
    parser.add_argument('--draw', type=Path, help='write the drawing, .svg')
    parser.add_argument('--check', action='store_true', help='print problems')
    parser.add_argument('--table', action='store_true', help='print the table')
    args = parser.parse_args()
    graph = ImportGraph(args.root)
    if args.draw:
        args.draw.parent.mkdir(parents=True, exist_ok=True)
        args.draw.write_text(draw(graph))
    if args.table:
        print(table())
    problems = graph.problems() if args.check else []
    print(*problems, sep='\n', end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
