"""Running the server: a port, a browser, and an end."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence

from wsi_idc.errors import SettingsError
from wsi_idc.view.entry import FailedSlide, SlideEntry

HOST = "127.0.0.1"
DEFAULT_PORT = 8765


def serve(
    entries: Sequence[SlideEntry],
    *,
    failed: Sequence[FailedSlide] = (),
    port: int | None = None,
    open_browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Show slides until the process is told to stop.

    Parameters
    ----------
    entries : the slides.
    failed : slides that could not be mapped; they are listed.
    port : where to listen, on this machine only; 0 is any free port. None is 8765, or any
        free one where that is taken.
    open_browser : whether to open the page in the user's browser.
    say : told the page's address once it is there.

    Raises
    ------
    SettingsError
        If the packages are missing that the server needs, or the port is taken.
    """
    try:
        import uvicorn

        from wsi_idc.view.app import make_app
        from wsi_idc.view.guards import KEY
    except ImportError as error:
        raise SettingsError(
            f'the viewer needs {error.name}: pip install "wsi-idc[viewer]"'
        ) from error

    with _listen(port) as listening:
        key = secrets.token_urlsafe(16)
        address = f"http://{HOST}:{listening.getsockname()[1]}/?{KEY}={key}"
        config = uvicorn.Config(
            make_app(entries, failed=failed, key=key),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,  # a tile that is being read is not waited for
        )
        server = uvicorn.Server(config)
        threading.Thread(
            target=_tell, args=(server, address, open_browser, say), daemon=True
        ).start()
        # Ctrl-C is how one stops looking: no fault, and nothing was interrupted.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _listen(port: int | None) -> socket.socket:
    """Take the port before anything is started, so that its loss is told in a line."""
    wanted = DEFAULT_PORT if port is None else port
    try:
        return socket.create_server((HOST, wanted))
    except OSError as error:
        if port is None:
            return socket.create_server((HOST, 0))
        raise SettingsError(
            f"port {port} cannot be used ({error.strerror}); give another one with --port"
        ) from error


def _tell(server: object, address: str, open_browser: bool, say: Callable[[str], None]) -> None:
    while not getattr(server, "started", False):
        time.sleep(0.02)
    say(f"{address}  (Ctrl-C stops)")
    if open_browser:
        webbrowser.open(address)
