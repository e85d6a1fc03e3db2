# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pages of the web app, laid out with Gradio: a tab for each task."""

from pathlib import Path

import gradio as gr

from . import html
from .examples import Examples
from .models import Models
from .tabs import (
    ANALYSE,
    PERSON,
    SHOP,
    TRY_ON,
    show_analysis,
    show_persons,
    show_shop,
    show_try_on,
)

TITLE = 'mmfashion_ext'
#: Waiting runs; more visitors are asked to try again.
QUEUE = 20
#: Seconds: how often files of visitors are deleted, and how old they are.
_DELETE = 600, 3600


def build_page(models: Models, examples: Examples, folder: Path) -> gr.Blocks:
    """Lay out the pages.

    Args:
        models (Models): What they run.
        examples (Examples): What visitors may try them with.
        folder (Path): Where files of results are written.

    Returns:
        gr.Blocks: To be launched, see :mod:`.server`.
    """
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=_DELETE
    ) as page:
        gr.Markdown(
            '# Clothes, shops, try-on and persons\n'
            'Files go to the machine that runs this page, nowhere else, and '
            'are deleted there.'
        )
        with gr.Tabs(overflow_behavior='wrap'):
            for tab, content in (
                (ANALYSE, show_analysis),
                (SHOP, show_shop),
                (TRY_ON, show_try_on),
                (PERSON, show_persons),
            ):
                with gr.Tab(tab.title):
                    choice = models.choices[tab.task]
                    if choice.missing:
                        gr.HTML(
                            html.error(choice.missing),
                            elem_id=f'{tab.task}-missing',
                        )
                        continue
                    gr.Markdown(f'{tab.text} Model: `{choice.model}`')
                    content(models, examples, folder)
    page.queue(max_size=QUEUE, default_concurrency_limit=1, api_open=False)
    return page
