"""What a local server must refuse, and what its pages must not do.

The server listens on this machine only, but any page in the user's browser can send requests to
it. So a request must name this machine as its host (which a page that has its own name point here
does not), pages of other sites get nothing, and what changes a file must come from a page of this
server. Pages may load nothing from elsewhere, and leave nothing in the browser's cache.

Other people may have accounts on the machine. So the address that opens a browser holds a key;
whoever comes with it gets a cookie, and without one there is no answer.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
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


KEY = "key"
"""The name of the key in the address that opens a browser."""


class Guard:
    """ASGI middleware that refuses what did not come from this server's own pages.

    Parameters
    ----------
    app : what answers the rest.
    key : who does not know it gets no answer; None lets in everyone on this machine.
    """

    def __init__(self, app: ASGIApp, key: str | None = None) -> None:
        self._app = app
        self._key = key

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
        app: ASGIApp | None = None if reason is None else PlainTextResponse(reason, 403)
        await (app or self._door(Request(scope)) or self._app)(scope, receive, send_guarded)

    def _door(self, request: Request) -> Response | None:
        """What is answered to who has not shown the key yet; None lets in."""
        if self._key is None:
            return None
        # Cookies know no ports: two viewers, or a tunnel to a third, must not take each other's.
        port = urlsplit(f"//{request.headers['host']}").port
        cookie = f"wsi-idc-{port}"
        if _is_same(request.cookies.get(cookie, ""), self._key):
            return None
        if request.method in _READING and _is_same(request.query_params.get(KEY, ""), self._key):
            # Not `request.url`, which a request for a whole address breaks.
            opened = RedirectResponse(urlsplit(request.scope["path"]).path or "/", 303)
            opened.set_cookie(cookie, self._key, httponly=True, samesite="lax")
            return opened
        return PlainTextResponse(
            "refused: open the address that wsi-idc view has printed; it holds the key", 403
        )


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


def _is_same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())


def _host_name(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 -- raises where it is no number
        return None if "@" in host or parts.path or parts.query else parts.hostname
    except ValueError:
        return None
