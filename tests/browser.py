"""A real browser for tests: Debian's chromium, driven by playwright, and a server to look at."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from wsi_idc.view import SlideEntry
from wsi_idc.view.app import make_app

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def find_chromium() -> str:
    """Where chromium is; a test that needs it skips where there is none.

    Looked for at $WSI_IDC_CHROMIUM, then under its names on the path.
    """
    names = (os.environ.get("WSI_IDC_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no chromium found (apt-get install chromium, or set WSI_IDC_CHROMIUM)")
    return found


@contextmanager
def served(entries: Sequence[SlideEntry]) -> Iterator[str]:
    """A server in a thread; gives its address."""
    import uvicorn

    config = uvicorn.Config(make_app(entries), log_level="warning")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
