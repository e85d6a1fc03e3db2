# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The program ``mmfashion`` in this process, tiny models and inputs."""

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext import hub
from mmfashion_ext.cli import app
from mmfashion_ext.utils.cli import run_tool

MODELS = {
    'predict': 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'gallery': 'match-rcnn-retrieval-class-frozen_r18-small_fpn_1xb16-2e_'
    'synthetic-160x160',
    'landmarks': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'reid': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'try-on': 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96',
}


@pytest.fixture
def mmfashion(tmp_path, monkeypatch):
    """A function that runs a command in an empty folder, as a process does."""
    monkeypatch.chdir(tmp_path)

    def call(*words, status=0):
        out, err = io.StringIO(), io.StringIO()
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            run_tool(lambda: app.run([str(word) for word in words]))
        assert ended.value.code == status, err.getvalue()
        return subprocess.CompletedProcess(
            words, status, out.getvalue(), err.getvalue()
        )

    return call


@pytest.fixture
def error(mmfashion):
    """A function that runs a command that fails; its line without 'error'."""

    def call(*words):
        done = mmfashion(*words, status=2)
        assert done.stdout == ''
        (line,) = done.stderr.splitlines()
        assert line.startswith('error: ')
        return line.removeprefix('error: ')

    return call


@pytest.fixture(scope='session')
def weights(tmp_path_factory):
    """Command -> model and random weights, as options."""
    folder, made = tmp_path_factory.mktemp('weights'), {}

    def options(command):
        if command not in made:
            name = MODELS[command]
            path = folder / f'{command}.pth'
            state = hub.get_model(name).state_dict()
            torch.save({'state_dict': state}, path)
            made[command] = ['--model', name, '--weights', str(path)]
        return made[command]

    return options


@pytest.fixture
def image(tmp_path):
    """A function that writes an image of noise; its name."""

    def write(name, size=(96, 80)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(len(name)).integers(0, 255, (*size, 3))
        cv2.imwrite(str(path), noise.astype(np.uint8))
        return name

    return write
