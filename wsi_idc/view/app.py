"""What the server answers: pages, what a slide is, and its tiles."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from wsi_idc.errors import SlideError, WsiIdcError
from wsi_idc.view.catalogue import SlideEntry
from wsi_idc.view.describe import describe_entry
from wsi_idc.view.guards import Guard
from wsi_idc.view.handles import OpenSlides
from wsi_idc.view.static_files import static_files
from wsi_idc.view.tiles import CACHE_BYTES, TileKey, TileMaker

_MOST_READING = 8


def make_app(entries: Sequence[SlideEntry], *, cache_bytes: int = CACHE_BYTES) -> Guard:
    """Make the application that shows some slides.

    Parameters
    ----------
    entries : the slides.
    cache_bytes : how much of encoded tiles is kept in memory.

    Returns
    -------
    An ASGI application that refuses what its own pages did not ask.
    """
    return Guard(_Viewer(entries, cache_bytes).app)


class _Viewer:
    """The answers, and what they share."""

    def __init__(self, entries: Sequence[SlideEntry], cache_bytes: int) -> None:
        self._entries = {entry.key: entry for entry in entries}
        self._slides = OpenSlides()
        self._tiles = TileMaker(self._slides, cache_bytes)
        # Made where the event loop runs.
        self._reading: anyio.CapacityLimiter | None = None
        self.app = Starlette(
            routes=self._routes(),
            exception_handlers={WsiIdcError: _say_error},
            lifespan=self._lifespan,
        )

    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._start),
            Route("/slide/{key}", self._slide_page),
            Route("/static/{name:path}", _static_file),
            Route("/api/slides/{key}", self._slide),
            Route("/api/slides/{key}/tiles/{level:int}/{column:int}/{row:int}.jpg", self._tile),
        ]

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._slides.close()

    def _entry(self, request: Request) -> SlideEntry:
        entry = self._entries.get(request.path_params["key"])
        if entry is None:
            raise HTTPException(404, "no such slide")
        return entry

    def _limiter(self) -> anyio.CapacityLimiter:
        """Reading has a number of threads of its own, so that other answers never wait for it."""
        if self._reading is None:
            self._reading = anyio.CapacityLimiter(min(_MOST_READING, os.cpu_count() or 1))
        return self._reading

    async def _start(self, request: Request) -> Response:
        if len(self._entries) == 1:
            (key,) = self._entries
            return RedirectResponse(request.url_for("_slide_page", key=key).path)
        return _page("cohort.html")

    async def _slide_page(self, request: Request) -> Response:
        self._entry(request)
        return _page("slide.html")

    async def _slide(self, request: Request) -> Response:
        entry = self._entry(request)

        def describe() -> dict[str, object]:
            return describe_entry(entry, self._tiles.info(entry), len(self._entries))

        return JSONResponse(await anyio.to_thread.run_sync(describe))

    async def _tile(self, request: Request) -> Response:
        entry = self._entry(request)
        level, column, row = (request.path_params[name] for name in ("level", "column", "row"))
        key = TileKey(entry.key, level, column, row)
        tile = self._tiles.cached(key)
        if tile is None:
            async with self._limiter():
                if await request.is_disconnected():
                    return Response(status_code=204)  # moved on while it waited: nobody listens
                tile = await anyio.to_thread.run_sync(self._tiles.tile, entry, key)
        if tile is None:
            raise HTTPException(404, "no such tile")
        return Response(tile, media_type="image/jpeg")


async def _static_file(request: Request) -> Response:
    return _page(request.path_params["name"])


def _page(name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    content, media_type = found
    return Response(content, media_type=media_type)


async def _say_error(_: Request, error: Exception) -> Response:
    """An error as people read it: 422 where a slide is at fault, else 400."""
    status = 422 if isinstance(error, SlideError) else 400
    return JSONResponse({"error": " ".join(str(error).split())}, status)
