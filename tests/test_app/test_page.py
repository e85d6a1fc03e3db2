# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The page: a tab for each task, or what is missing for it."""

import gradio as gr
import pytest

from mmfashion_ext.app.models import TASKS, Choice
from mmfashion_ext.app.page import build_page
from mmfashion_ext.errors import UserError


def test_each_page_has_one_button_and_waits_its_turn(
    examples, choices, tmp_path
):
    page = build_page(choices(), examples, tmp_path)
    runs = [
        run
        for run in page.fns.values()
        if run.concurrency_id == 'models' and not run.preprocess
    ]
    assert len(runs) == len(TASKS)
    assert {run.concurrency_limit for run in runs} == {1}
    assert {run.api_visibility for run in runs} == {'private'}


def test_what_is_missing_stands_in_place_of_a_page(
    examples, choices, tmp_path
):
    missing = Choice(missing='No model <yet>.')
    models = choices(gallery=missing)
    page = build_page(models, examples, tmp_path)
    shown = [x for x in page.blocks.values() if isinstance(x, gr.HTML)]
    (text,) = [x.value for x in shown if x.elem_id == 'gallery-missing']
    assert 'No model &lt;yet&gt;.' in text
    buttons = [x for x in page.blocks.values() if isinstance(x, gr.Button)]
    assert [x.value for x in buttons] == ['Analyse', 'Try on', 'Compare']
    with pytest.raises(UserError, match='No model <yet>'):
        models['gallery']
