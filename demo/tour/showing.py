# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What the published models predict, as figures of the page."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from mmfashion_ext.errors import UserError

from .models import Model
from .steps import Figure, Step, Workspace

#: Title of a group of images -> what its images are.
GROUPS = {
    'yours': 'your image',
    'garments': 'photographs of garments (CC0)',
    'generated': 'generated images, which no published weights learned from',
}
_GENERATED = 6  # images of a generated dataset that are shown
_QUERIES = 3
_TOPS = ('t-shirt', 'shirt', 'green_jacket', 'red_jacket')


def show_clothes(
    work: Workspace,
    step: Step,
    model: Model,
    inputs: Mapping[str, Path],
    options: str = '',
    call: str = '',
) -> None:
    """Find clothes or their landmarks in images; add the drawn ones.

    Args:
        work (Workspace): Where they are written.
        step (Step): What shows them.
        model (Model): With published weights.
        inputs (Mapping[str, Path]): A key of ``GROUPS`` -> an image or a
            folder; of a generated dataset the first images are used.
        options (str): Of the inferencer, e.g. ``", det_model='NAME'"``.
        call (str): Of its call, e.g. ``', score_thr=0.5'``.
    """
    out = work.path('predictions', step.system.lower().replace(' ', '-'))
    code = [
        'from pathlib import Path\n',
        'from mmfashion_ext import build_inferencer\n',
        f'infer = build_inferencer({model.name!r}{options})',
    ]
    for group, path in inputs.items():
        shown = repr(str(work.shown(path)))
        if group == 'generated':
            shown = f'sorted(Path({shown}).iterdir())[:{_GENERATED}]'
        code.append(f'{group} = infer({shown}, out_dir={str(out / group)!r})')
    variables = work.python(step, '\n'.join(code) + '\n')
    groups = ', then '.join(f'{GROUPS[group]}' for group in inputs)
    step.text.append(f'From left to right: {groups}.')
    for group in inputs:
        for prediction in variables[group]['predictions']:
            found = _found(prediction)
            drawn = out / group / 'visualizations' / prediction['name']
            file = _copy(work, step, drawn, group)
            step.figures.append(
                Figure(file, f'{prediction["name"]}: {found}', found)
            )


def show_search(
    work: Workspace, step: Step, model: Model, clothes: Path, photos: Path
) -> None:
    """Find a user's garment among shop images; add the sheet of matches.

    Args:
        work (Workspace): Where index and sheet are written.
        step (Step): What shows them.
        model (Model): With published weights.
        clothes (Path): Split of a generated dataset, in the raw layout.
        photos (Path): Folder of photographs that are in the shop too.
    """
    folders = {
        source: work.path('data', folder)
        for source, folder in (('user', 'street'), ('shop', 'shop'))
    }
    for source, folder in folders.items():
        folder.mkdir(exist_ok=True)
        for file in sorted((clothes / 'annos').glob('*.json')):
            if json.loads(file.read_text())['source'] == source:
                image = clothes / 'image' / f'{file.stem}.jpg'
                shutil.copyfile(image, folder / image.name)
    index = work.path('predictions', 'shop.index')
    sheet = work.path('images', 'search.jpg')
    index.unlink(missing_ok=True)
    model_option = '--model', model.name
    work.program(
        step,
        *('gallery', 'build', folders['shop'], photos, *model_option),
        *('--out', index),
    )
    queries = sorted(folders['user'].iterdir())[:_QUERIES]
    for query in queries:  # the first in which clothes are found
        try:
            work.program(
                step, 'gallery', 'query', index, query, '--out', sheet
            )
            break
        except UserError:
            if query == queries[-1]:
                raise
            step.code.pop()
    caption = (
        'Left a garment in a generated image of a user, then its best '
        'matches among generated images of a shop and the photographs above.'
    )
    step.figures.append(Figure('images/search.jpg', caption, caption, True))


def show_ranking(
    work: Workspace, step: Step, model: Model, videos: Path
) -> None:
    """Search for persons of one camera among those of another.

    Args:
        work (Workspace): Where the sheets are written.
        step (Step): What shows them.
        model (Model): With published weights.
        videos (Path): A generated dataset.
    """
    sequences = videos / 'raw' / 'iLIDS-VID' / 'i-LIDS-VID' / 'sequences'
    first, second = (
        [work.shown(folder) for folder in sorted((sequences / cam).iterdir())]
        for cam in ('cam1', 'cam2')
    )
    out = work.path('predictions', 'scan')
    variables = work.python(
        step,
        'from pathlib import Path\n'
        'from mmfashion_ext import build_inferencer\n\n'
        f'infer = build_inferencer({model.name!r})\n'
        f'query = {[str(folder) for folder in first[:_QUERIES]]!r}\n'
        f'gallery = sorted(Path({str(second[0].parent)!r}).iterdir())\n'
        f'result = infer(query, gallery, top=4, out_dir={str(out)!r})\n',
    )
    predictions = variables['result']['predictions']
    places = []
    for person, prediction in zip(first, predictions, strict=False):
        names = [Path(name).name for name in prediction['gallery']]
        places.append(names.index(person.name) + 1)
        drawn = out / 'visualizations' / prediction['name']
        file = _copy(work, step, drawn, 'scan')
        caption = (
            f'Left the person of camera 1, then the four likeliest of '
            f'{len(second)} of camera 2. The right one has place {places[-1]}.'
        )
        alt = f'Frames of a person and of four candidates; {caption}'
        step.figures.append(Figure(file, alt, caption, wide=True))


def show_try_on(
    work: Workspace, step: Step, model: Model, people: Path, photos: Path
) -> None:
    """Put garments on generated people; add the sheets of all pairs.

    Args:
        work (Workspace): Where the sheets are written.
        step (Step): What shows them.
        model (Model): With published weights.
        people (Path): A generated dataset.
        photos (Path): Folder of photographs of garments.
    """
    test = people / 'VITON_test'
    out = work.path('predictions', 'try-on')
    kinds = {'persons': 'img', 'clothes': 'clothes', 'masks': 'edge'}
    lists = ''.join(
        f'{name} = sorted(Path({str(work.shown(test / f"test_{kind}"))!r})'
        '.iterdir())[:4]\n'
        for name, kind in kinds.items()
    )
    work.python(
        step,
        'from pathlib import Path\n'
        'from mmfashion_ext import build_inferencer\n'
        'from mmfashion_ext.formats.garments.flat_mask import mask_garment\n'
        'from mmfashion_ext.utils.images import read_image\n\n'
        f'infer = build_inferencer({model.name!r})\n'
        f'{lists}'
        'infer(persons, clothes, masks, grid=True, '
        f'out_dir={str(out / "generated")!r})\n'
        f'photos = [f"{photos}/{{name}}.jpg" for name in {_TOPS}]\n'
        'masks = [mask_garment(read_image(photo)) for photo in photos]\n'
        'infer(persons, photos, masks, grid=True, '
        f'out_dir={str(out / "photos")!r})\n',
    )
    for group, garments in (
        ('generated', 'a garment laid flat'),
        ('photos', 'a photograph of a garment (CC0), cut out by its colours'),
    ):
        file = _copy(work, step, out / group / 'grid', group)
        caption = (
            f'Each row a generated person, each column {garments}, and where '
            'they meet the person in the garment.'
        )
        step.figures.append(Figure(file, caption, caption, wide=True))


def _found(prediction: dict) -> str:
    """Say which clothes an image has, e.g. 'skirt 0.98, vest 0.71'."""
    names = prediction['categories'] or ['garment'] * len(prediction['bboxes'])
    found = [
        f'{name.replace("_", " ")} {score:.2f}'
        for name, score in zip(names, prediction['scores'], strict=True)
    ]
    return ', '.join(found) or 'nothing found'


def _copy(work: Workspace, step: Step, drawn: Path, group: str) -> str:
    """Copy a drawing beside the page; return its path from there."""
    (source,) = drawn.parent.glob(f'{drawn.name}.*')
    name = f'{step.system.lower().replace(" ", "-")}-{group}-{source.name}'
    shutil.copyfile(source, work.path('images', name))
    return f'images/{name}'
