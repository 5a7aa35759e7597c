"""What a local server must refuse, and what its pages must not do.

The server listens on this machine only, but any page in the user's browser can send requests to
it. So a request must name this machine as its host (which a page that has its own name point here
does not), pages of other sites get nothing, and what changes a file must come from a page of this
server. Pages may load nothing from elsewhere, and leave nothing in the browser's cache.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOSTS = ("127.0.0.1", "localhost", "::1")
_READING = ("GET", "HEAD")
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Tissue of patients does not belong on the disk of whoever looked at it.
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that refuses what did not come from this server's own pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with the status 403."""
        if scope["type"] != "http":
            # No page opens a web socket; the server's own start and stop pass.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        reason = _refusal(scope["method"], Headers(scope=scope))
        app = self._app if reason is None else PlainTextResponse(reason, 403)
        await app(scope, receive, send_guarded)


def _refusal(method: str, headers: Headers) -> str | None:
    """Why a request is refused; None where it is not."""
    if len(headers.getlist("host")) != 1 or _host_name(headers["host"]) not in _HOSTS:
        return "refused: the request does not name this machine as its host"
    site = headers.get("sec-fetch-site", "same-origin")
    # A link on another page, or an address that was typed, opens a page: that is no harm.
    opens_a_page = headers.get("sec-fetch-mode") == "navigate" and method in _READING
    if site not in ("same-origin", "none") and not opens_a_page:
        return "refused: the request comes from another site's page"
    if method in _READING:
        return None
    origin = headers.get("origin")
    if origin is None or origin.lower() != f"http://{headers['host'].lower()}":
        return "refused: only a page of this server may change anything"
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return "refused: what is sent must be JSON"
    return None


def _host_name(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 -- raises where it is no number
        return None if "@" in host or parts.path or parts.query else parts.hostname
    except ValueError:
        return None
