# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A window is asked for only where there is a display: no hang, no abort."""

import socket
import sys

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils import display


@pytest.fixture(autouse=True)
def linux(monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'linux')
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)


@pytest.mark.parametrize('name', ['', ':987', 'nonsense', 'localhost:99999'])
def test_without_a_display(monkeypatch, name):
    monkeypatch.setenv('DISPLAY', name)
    with pytest.raises(UserError, match=r'show=True needs a display.*out_dir'):
        display.check_display()


def test_with_a_display(monkeypatch):
    """A server that accepts connections, as an X server does."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        number = server.getsockname()[1] - 6000
        monkeypatch.setenv('DISPLAY', f'127.0.0.1:{number}.0')
        display.check_display()
    monkeypatch.setenv('WAYLAND_DISPLAY', 'wayland-0')
    monkeypatch.delenv('DISPLAY')
    display.check_display()


def test_opencv_without_windows(monkeypatch):
    def fail(*args):
        raise cv2.error('The function is not implemented')

    monkeypatch.setattr(cv2, 'imshow', fail)
    with pytest.raises(UserError, match='opens no windows'):
        display.show_image(np.zeros((2, 2, 3), np.uint8), 'x')


def test_a_closed_window_ends_the_wait(monkeypatch):
    events = []
    visible = iter([1, 1, 0])
    monkeypatch.setattr(cv2, 'imshow', lambda *args: events.append('show'))
    monkeypatch.setattr(cv2, 'getWindowProperty', lambda *args: next(visible))
    monkeypatch.setattr(cv2, 'waitKey', lambda ms: events.append('wait') or -1)
    monkeypatch.setattr(
        cv2, 'destroyWindow', lambda title: events.append('close')
    )
    display.show_image(np.zeros((2, 2, 3), np.uint8), 'x')
    assert events == ['show', 'wait', 'wait', 'close']
