# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Windows that show images, where there is a display."""

import os
import re
import socket
import sys

import cv2
import numpy as np

from ..errors import UserError


def check_display() -> None:
    """Check that a window can be opened; nothing hangs or aborts if not.

    Raises:
        UserError: There is no display, or it cannot be reached.
    """
    if not sys.platform.startswith('linux') or os.environ.get(
        'WAYLAND_DISPLAY'
    ):
        return
    display = os.environ.get('DISPLAY', '')
    if not display or not _reachable(display):
        what = f'DISPLAY={display} cannot be reached' if display else 'none'
        raise UserError(
            f'show=True needs a display, found {what}; leave it out and pass '
            'out_dir= to get image files'
        )


def _reachable(display: str) -> bool:
    """Connect to an X server as its clients would."""
    found = re.fullmatch(r'(.*):(\d+)(?:\.\d+)?', display)
    if not found:
        return False
    host, number = found[1], int(found[2])
    try:
        if host in ('', 'unix'):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(f'/tmp/.X11-unix/X{number}')
        else:
            socket.create_connection((host, 6000 + number), 2).close()
    except OSError:
        return False
    return True


def show_image(image: np.ndarray, title: str) -> None:
    """Show an image until a key is pressed or its window is closed.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        title (str): Of the window.

    Raises:
        UserError: OpenCV was built without windows.
    """
    try:
        cv2.imshow(title, image)
        while cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) > 0:
            if cv2.waitKey(100) != -1:
                break
        cv2.destroyWindow(title)
    except cv2.error as error:
        raise UserError(
            'show=True: this OpenCV opens no windows '
            f'({str(error).splitlines()[0]}); pass out_dir= instead'
        ) from None
