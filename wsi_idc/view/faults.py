"""Faults of the viewer itself: a page is told in a line, and so is the terminal."""

from __future__ import annotations

import logging
import traceback

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wsi_idc.errors import FAULT, one_line
from wsi_idc.privacy import Veil
from wsi_idc.view.answers import Json

log = logging.getLogger("wsi_idc")


async def say_fault(_: Request, error: Exception) -> Response:
    """Answer a request that met a fault with the status 500."""
    return Json({"error": f"{Veil()(one_line(error))}; {FAULT}"}, 500)


class Faults:
    """ASGI middleware that logs exceptions in a line; the server would print tracebacks.

    Parameters
    ----------
    app : has answered its request when it raises.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log.error("error: %s; %s", one_line(error), FAULT)
            log.debug("%s", "".join(traceback.format_exception(error)))
