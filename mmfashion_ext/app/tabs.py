# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tabs of the page, one for each task: fields, button, results."""

from pathlib import Path
from typing import NamedTuple

import gradio as gr

from ..utils.files import write_json
from . import clothes, html, persons, shop, try_on
from .components import (
    add_examples,
    checked_number,
    connect,
    file_uploads,
    files_input,
    gallery_uploads,
    own_folder,
    photo_input,
    to_rgb,
    to_upload,
)
from .examples import TOPS, Examples
from .models import Models


class Tab(NamedTuple):
    """What a tab is called, and its text.

    Attributes:
        task (str): The model's task, a key of ``Models``.
        title (str): Of the tab.
        text (str): What it does.
    """

    task: str
    title: str
    text: str


ANALYSE = Tab(
    'predict',
    'Analyse a photo',
    'Finds the clothes in a photo: category, box, mask and landmarks.',
)
SHOP = Tab(
    'gallery',
    'Find in shop',
    'Finds the garments of a photo among the images of a shop.',
)
TRY_ON = Tab(
    'try-on',
    'Try on',
    'Shows a person in other clothes. The person faces the camera; each '
    'garment lies flat on a plain background.',
)
PERSON = Tab(
    'reid',
    'Find a person',
    'Ranks tracklets by how likely they show the same person as another one. '
    'A tracklet is a person cut out of a video: a clip; frames whose names '
    'differ in their last number (`cam1_person5_001.png` ...); or a whole '
    'video with the boxes of the person, `walk.mp4` and `walk.json`.',
)


def show_analysis(models: Models, examples: Examples, folder: Path) -> None:
    """Lay out the page that analyses a photo."""
    with gr.Row():
        with gr.Column():
            photo = photo_input('Photo', 'analyse-photo')
            threshold = gr.Slider(
                *(0.05, 0.95),
                value=0.3,
                step=0.05,
                label='Lowest score of a garment',
                elem_id='analyse-score',
            )
            button = gr.Button('Analyse', variant='primary')
        with gr.Column():
            drawn = gr.Image(
                label='Boxes, masks and landmarks',
                format='jpeg',
                show_label=False,
                interactive=False,
                buttons=['download', 'fullscreen'],
                elem_id='analyse-drawn',
            )
            status = gr.HTML(elem_id='analyse-status')
            table = gr.HTML(elem_id='analyse-table')
            file = gr.File(
                label='Result as JSON',
                visible=False,
                elem_id='analyse-json',
            )

    def run(upload: dict | None, score_thr: float) -> tuple:
        found = clothes.analyse(
            to_upload(upload),
            models['predict'],
            checked_number(score_thr, 0, 1),
        )
        return _analysis_values(found, folder)

    connect(
        button,
        run,
        [photo, threshold],
        [drawn, status, table, file],
        [None, '', '', gr.File(value=None, visible=False)],
    )
    add_examples(
        [[str(x)] for x in (*examples.garments, *examples.persons)],
        [photo],
        'analyse-examples',
    )


def _analysis_values(found: clothes.Analysis, folder: Path) -> tuple:
    """Return the values of the outputs: drawing, status, table, file."""
    count = len(found.rows)
    text = f'{count or "No"} garment{"" if count == 1 else "s"} found.'
    path = own_folder(folder) / 'result.json'
    write_json(path, found.prediction)
    summary = ', '.join(f'{row[0]} {row[1]}' for row in found.rows)
    return (
        gr.Image(
            value=to_rgb(found.drawn),
            alt_text=f'The photo with what was found: {summary or text}',
        ),
        html.message(text, found.notes),
        html.table('Garments', clothes.HEADINGS, found.rows),
        gr.File(value=str(path), visible=True),
    )


def show_shop(models: Models, examples: Examples, folder: Path) -> None:
    """Lay out the page that searches in a gallery."""
    with gr.Row():
        with gr.Column():
            photo = photo_input('Photo', 'shop-photo')
            top = gr.Slider(
                *(1, 20),
                value=5,
                step=1,
                label='Matches of each garment',
                elem_id='shop-top',
            )
            button = gr.Button('Find', variant='primary')
        with gr.Column():
            status = gr.HTML(elem_id='shop-status')
            images = gr.Gallery(
                label='Garments and their matches',
                columns=3,
                object_fit='contain',
                format='jpeg',
                show_label=False,
                interactive=False,
                buttons=['download', 'fullscreen'],
                elem_id='shop-matches',
            )
            table = gr.HTML(elem_id='shop-table')

    def run(upload: dict | None, number: float) -> tuple:
        found = shop.find_in_shop(
            to_upload(upload),
            models['gallery'],
            int(checked_number(number, 1, 20)),
        )
        return (
            html.message(f'{len(found.rows)} matches found.', found.notes),
            [(to_rgb(image), caption) for image, caption in found.images],
            html.table('Matches', shop.HEADINGS, found.rows),
        )

    outputs = [status, images, table]
    connect(button, run, [photo, top], outputs, ['', None, ''])
    add_examples(
        [[str(x)] for x in examples.garments], [photo], 'shop-examples'
    )


def show_try_on(models: Models, examples: Examples, folder: Path) -> None:
    """Lay out the page that dresses a person."""
    with gr.Row():
        with gr.Column():
            person = photo_input('Person', 'tryon-person')
            garments = gr.Gallery(
                label=f'Garments, up to {try_on.MAX_GARMENTS}',
                columns=4,
                height=220,
                object_fit='contain',
                file_types=['image'],
                sources=['upload'],
                interactive=True,
                type='filepath',
                elem_id='tryon-garments',
            )
            button = gr.Button('Try on', variant='primary')
        with gr.Column():
            status = gr.HTML(elem_id='tryon-status')
            images = gr.Gallery(
                label='The person in each garment',
                columns=3,
                object_fit='contain',
                format='png',
                show_label=False,
                interactive=False,
                buttons=['download', 'fullscreen'],
                elem_id='tryon-results',
            )

    def run(upload: dict | None, chosen: list | None) -> tuple:
        dressed = try_on.dress(
            to_upload(upload), gallery_uploads(chosen), models['try-on']
        )
        count = len(dressed.images)
        return (
            html.message(
                f'{count} try-on{"" if count == 1 else "s"}.', dressed.notes
            ),
            [(to_rgb(image), caption) for image, caption in dressed.images],
        )

    connect(button, run, [person, garments], [status, images], ['', None])
    tops = [str(x) for x in examples.garments if x.stem in TOPS]
    add_examples(
        [
            [str(file), tops[start : start + 3]]
            for start, file in enumerate(examples.persons[:3])
        ],
        [person, garments],
        'tryon-examples',
    )


def show_persons(models: Models, examples: Examples, folder: Path) -> None:
    """Lay out the page that ranks tracklets."""
    with gr.Row():
        with gr.Column():
            query = files_input('Person to find', 'person-query')
            candidates = files_input('Tracklets to search', 'person-gallery')
            top = gr.Slider(
                *(1, 20),
                value=5,
                step=1,
                label='Tracklets to show',
                elem_id='person-top',
            )
            button = gr.Button('Compare', variant='primary')
        with gr.Column():
            status = gr.HTML(elem_id='person-status')
            sheet = gr.Image(
                label='The person, then the likeliest',
                format='jpeg',
                show_label=False,
                interactive=False,
                buttons=['download', 'fullscreen'],
                elem_id='person-sheet',
            )
            table = gr.HTML(elem_id='person-table')

    def run(
        wanted: list | None, searched: list | None, number: float
    ) -> tuple:
        ranking = persons.find_person(
            file_uploads(wanted),
            file_uploads(searched),
            models['reid'],
            int(checked_number(number, 1, 20)),
        )
        return _ranking_values(ranking)

    connect(
        button,
        run,
        [query, candidates, top],
        [status, sheet, table],
        ['', None, ''],
    )
    add_examples(
        [[[str(examples.walker)], [str(x) for x in examples.walkers]]],
        [query, candidates],
        'person-examples',
    )


def _ranking_values(ranking: persons.Ranking) -> tuple:
    """Return the values of the outputs: status, sheet, table."""
    _, score, name = ranking.rows[0]
    text = f'Likeliest: {name}, probability {score}.'
    return (
        html.message(text, ranking.notes),
        gr.Image(
            value=to_rgb(ranking.sheet),
            alt_text='Frames of the person and of the likeliest '
            f'tracklets. {text}',
        ),
        html.table('Tracklets', persons.HEADINGS, ranking.rows),
    )
