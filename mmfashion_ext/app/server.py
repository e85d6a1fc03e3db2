# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Server of the web app: local, bounded, without telemetry."""

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..plugins import is_installed
from .models import Choice, Models
from .uploads import FFMPEG_OPTIONS, MAX_FILE_BYTES

#: Threads that Gradio may use; models run one at a time.
_THREADS = 8


class Running(NamedTuple):
    """A server that answers.

    Attributes:
        url (str): Where.
        folder (Path): The temporary folder in which everything is written.
        models (Models): What the pages run.
    """

    url: str
    folder: Path
    models: Models


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that Gradio is run with.

    Args:
        folder (Path): The temporary folder.

    Returns:
        dict[str, str]: No telemetry, no version check; uploads and results in
        the folder.
    """
    local = 'localhost,127.0.0.1,::1'
    proxies = os.environ.get('NO_PROXY', '')
    return {
        'GRADIO_ANALYTICS_ENABLED': 'False',
        'HF_HUB_DISABLE_TELEMETRY': '1',
        'GRADIO_TEMP_DIR': str(folder / 'uploads'),
        'GRADIO_EXAMPLES_CACHE': str(folder / 'examples_cache'),
        'GRADIO_SHARE': 'False',
        'GRADIO_MCP_SERVER': 'False',
        'OPENCV_FFMPEG_CAPTURE_OPTIONS': FFMPEG_OPTIONS,
        # Gradio asks itself whether it runs, which a proxy cannot answer
        'NO_PROXY': f'{proxies},{local}' if proxies else local,
    }


@contextmanager
def serve(
    choices: Mapping[str, Choice],
    host: str = '127.0.0.1',
    port: int | None = None,
) -> Iterator[Running]:
    """Serve the pages as long as the context lasts.

    Args:
        choices (Mapping[str, Choice]): Task -> its model, see ``TASKS``.
        host (str): Address to listen at; 0.0.0.0 for other machines too.
        port (int, optional): Defaults to None: the first free one from 7860.

    Yields:
        Running: The server.

    Raises:
        ImportError: Gradio is not installed.
        UserError: The port is taken.
    """
    if not is_installed('gradio'):
        raise ImportError(
            'the web app needs gradio, which is not installed. Run: pip '
            "install 'mmfashion_ext[app]'"
        )
    _check_port(host, port)
    with tempfile.TemporaryDirectory(prefix='mmfashion-app-') as name:
        folder = Path(name).resolve()
        settings = environment(folder)
        before = {key: os.environ.get(key) for key in settings}
        os.environ.update(settings)
        page = None
        try:
            from .examples import make_examples
            from .page import build_page

            for part in ('examples', 'results'):
                (folder / part).mkdir()
            models = Models(choices)
            page = build_page(
                models, make_examples(folder / 'examples'), folder / 'results'
            )
            yield Running(_launch(page, host, port), folder, models)
        finally:
            if page is not None:
                page.close(verbose=False)
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


def _check_port(host: str, port: int | None) -> None:
    """Refuse a port that is taken, before anything is built."""
    if port is None:
        return
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise _no_port(host, port, error) from None


def _no_port(host: str, port: int | None, error: OSError) -> UserError:
    return UserError(
        f'cannot listen at {host}, port {port or "7860 to 7959"} ({error}); '
        'name a free one with --port'
    )


def _launch(page: Any, host: str, port: int | None) -> str:
    """Start Gradio's server; return its URL."""
    import gradio as gr

    from .style import CSS, JS

    # fonts of the visitor's system: none is fetched
    theme = gr.themes.Default(
        primary_hue=gr.themes.colors.indigo,
        font=[gr.themes.Font('system-ui'), gr.themes.Font('sans-serif')],
        font_mono=[
            gr.themes.Font('ui-monospace'),
            gr.themes.Font('monospace'),
        ],
    ).set(  # dark enough behind white letters
        button_primary_background_fill='*primary_700',
        button_primary_background_fill_hover='*primary_800',
        button_primary_background_fill_dark='*primary_700',
    )
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            inbrowser=False,
            show_error=True,
            max_threads=_THREADS,
            max_file_size=MAX_FILE_BYTES,
            allowed_paths=[],
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            theme=theme,
            css=CSS,
            js=JS,
        )
    except OSError as error:
        raise _no_port(host, port, error) from None
    return str(url)
