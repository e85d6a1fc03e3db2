# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Command ``try-on``: dress persons in garments."""

from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from . import options


@click.command(
    'try-on',
    cls=options.Command,
    examples=[
        'mmfashion try-on person.jpg cloth.jpg',
        'mmfashion try-on persons/ clothes/ --grid --out results',
        'mmfashion try-on test_img test_clothes --pairs test_pairs.txt',
    ],
)
@click.argument('person', type=click.Path())
@click.argument('cloth', type=click.Path())
@options.model('the published model')
@options.weights()
@click.option(
    '--mask',
    metavar='PATH',
    type=click.Path(),
    help='Mask of the garment, or folder of masks with the names of their '
    'garments. Default: made, where the garment stands out.',
)
@options.out(
    'DIR',
    'Folder for predictions/, visualizations/, results.json.',
    default=options.DEFAULT_OUT,
    show_default=True,
)
@click.option(
    '--pairs',
    metavar='FILE',
    type=click.Path(),
    help='File of lines "person.jpg cloth.jpg"; PERSON and CLOTH are the '
    'folders of these.',
)
@click.option(
    '--grid',
    is_flag=True,
    help='Every person in every garment, also drawn on one sheet, grid.jpg.',
)
@click.option(
    '--size',
    nargs=2,
    type=options.Number(int, 1),
    metavar='H W',
    help="Resize all images to this size in px. Default: the model's.",
)
@click.option(
    '--person-box',
    nargs=4,
    type=float,
    metavar='X1 Y1 X2 Y2',
    help='Where the person is in the photographs, px; for persons off centre.',
)
@click.option(
    '--find-person',
    is_flag=True,
    help='Find the person by the published Match R-CNN.',
)
@click.option('--amp', is_flag=True, help='Run in half precision.')
@click.option(
    '--resume', is_flag=True, help='Skip pairs whose results are in --out.'
)
@options.batch_size('Pairs')
@options.device
@options.as_json
def try_on(
    person: str,
    cloth: str,
    model: str | None,
    weights: str | None,
    mask: str | None,
    out: str,
    pairs: str | None,
    grid: bool,
    size: tuple[int, int] | None,
    person_box: tuple[float, ...] | None,
    find_person: bool,
    amp: bool,
    resume: bool,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Show persons in other garments.

    PERSON and CLOTH are an image, a URL or a folder of images. One person is
    dressed in all garments, one garment is put on all persons; for two
    folders give --pairs, or --grid for all combinations.
    """
    from .defaults import choose_model
    from .dressing import TryOnOptions, dress
    from .output import check_files, check_system, has_terminal, results_only

    if pairs and grid:
        raise click.UsageError('give --pairs or --grid, not both')
    if person_box and find_person:
        raise click.UsageError('give --person-box or --find-person, not both')
    for path in (person, cloth, *filter(None, (mask,))):
        check_files([path], 'an image, a folder of images or a URL')
    if pairs:
        check_files([pairs], 'a file of lines "person.jpg cloth.jpg"')
    if not (pairs or grid):
        check_folders(person, cloth)
    name = choose_model('try-on', model, weights)
    with results_only() as stdout:
        check_system(name, 'tryon')
        result = dress(
            *(person, cloth, out),
            options=TryOnOptions(
                model=name,
                weights=weights,
                device=device,
                size=size or None,
                batch_size=batch_size,
                amp=amp,
                show_progress=has_terminal(),
                person_box=person_box or None,
                find_person=find_person,
            ),
            mask=mask,
            pairs=pairs,
            grid=grid,
            resume=resume,
        )
        report(result, out, stdout=stdout, as_json=as_json)


def check_folders(person: str, cloth: str) -> None:
    """Refuse two folders of several images each.

    Raises:
        UserError: It is not said who wears what.
    """
    numbers = []
    for path in (person, cloth):
        folder = Path(path).expanduser()
        entries = folder.iterdir() if folder.is_dir() else ()
        numbers.append(sum(entry.is_file() for entry in entries))
    if min(numbers) > 1:
        raise UserError(
            f'{person} and {cloth} are two folders: say who wears what with '
            '--pairs FILE (lines "person.jpg cloth.jpg"), or dress every '
            'person in every garment with --grid'
        )


def report(result: dict, out: str, *, stdout: Any, as_json: bool) -> None:
    """Print where the images are.

    Args:
        result (dict): What ``dress`` returned.
        out (str): Folder of the files.
        stdout (TextIO): Where to print.
        as_json (bool): As one JSON document, with the file of each try-on.
    """
    from .output import print_json

    files = [
        {**prediction, 'try_on_file': str(_file(out, prediction['name']))}
        for prediction in result['predictions']
    ]
    if as_json:
        skipped = result['skipped']
        print_json({'predictions': files, 'skipped': skipped}, stdout)
        return
    for prediction in files:
        line = f'{prediction["input"]}: {prediction["try_on_file"]}'
        print(line, file=stdout)
    for entry in result['skipped']:
        print(f'{entry["input"]}: skipped, {entry["reason"]}', file=stdout)
    if 'grid' in result:
        print(f'all on one sheet: {Path(out) / "grid.jpg"}', file=stdout)


def _file(out: str, name: str) -> Path:
    """Return the try-on of a result."""
    from ..tryon.inference.results import try_on_file

    return Path(out) / try_on_file(name)
