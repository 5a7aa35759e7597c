"""What the server answers: pages, what a slide is, and its tiles."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from wsi_idc.byte_cache import ByteCache
from wsi_idc.errors import SlideError, WsiIdcError
from wsi_idc.fresh_process import usable_processors
from wsi_idc.heatmap.export.settings import ExportSettings
from wsi_idc.heatmap.result import read_summary
from wsi_idc.privacy import Veil
from wsi_idc.view.answers import Json
from wsi_idc.view.cohort_list import describe_row, make_thumbnail
from wsi_idc.view.describe import describe_entry
from wsi_idc.view.drawings import (
    ChangedMeanwhileError,
    Drawings,
    read_drawings,
    save_drawings,
)
from wsi_idc.view.entry import FailedSlide, SlideEntry
from wsi_idc.view.faults import Faults, say_fault
from wsi_idc.view.frame import frame_of
from wsi_idc.view.guards import Guard
from wsi_idc.view.handles import OpenSlides
from wsi_idc.view.map_data import colour_tables, list_regions, map_bytes, read_map
from wsi_idc.view.mapped import checked
from wsi_idc.view.shapes import combine
from wsi_idc.view.static_files import static_files
from wsi_idc.view.tiles import TileKey, TileMaker

_MOST_READING = 8
_MOST_SENT = 64 * 2**20  # a section drawn in every detail has a few megabytes
_THUMBNAIL_BYTES = 32 * 2**20  # some two thousand


def make_app(
    entries: Sequence[SlideEntry],
    *,
    failed: Sequence[FailedSlide] = (),
    key: str | None = None,
) -> Guard:
    """Make the application that shows some slides.

    Parameters
    ----------
    entries : the slides.
    failed : slides that could not be mapped; they are listed.
    key : what a browser must know to be answered; see `Guard`.

    Returns
    -------
    An ASGI application that refuses what its own pages did not ask.
    """
    return Guard(Faults(_Viewer(entries, failed).app), key)


class _Viewer:
    """The answers, and what they share."""

    def __init__(self, entries: Sequence[SlideEntry], failed: Sequence[FailedSlide]) -> None:
        self._failed = [asdict(slide) for slide in failed]
        self._entries = {entry.key: entry for entry in entries}
        self._slides = OpenSlides()
        self._tiles = TileMaker(self._slides)
        self._thumbnails = ByteCache[str, bytes](_THUMBNAIL_BYTES, len)
        # Made where the event loop runs.
        self._reading: anyio.CapacityLimiter | None = None
        self.app = Starlette(
            routes=self._routes(),
            exception_handlers={
                WsiIdcError: self._say_error,
                HTTPException: _say_refusal,
                Exception: say_fault,
            },
            lifespan=self._lifespan,
        )

    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._start),
            Route("/slide/{key}", self._slide_page),
            Route("/static/{name:path}", _static_file),
            Route("/api/colormaps", _colormaps),
            Route("/api/slides", self._list),
            Route("/api/slides/{key}", self._slide),
            Route("/api/slides/{key}/thumbnail.jpg", self._thumbnail),
            Route("/api/slides/{key}/drawings", self._drawings),
            Route("/api/slides/{key}/drawings", self._save_drawings, methods=["POST"]),
            Route("/api/combine", _combine, methods=["POST"]),
            Route("/api/slides/{key}/map", self._map),
            Route("/api/slides/{key}/regions", self._regions),
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

    async def _checked(self, request: Request) -> SlideEntry:
        """The slide of a request, once it is known to be the one that was mapped."""
        entry = self._entry(request)
        if not entry.is_checked:
            entry = await anyio.to_thread.run_sync(checked, entry)
            self._entries[entry.key] = entry
        return entry

    def _limiter(self) -> anyio.CapacityLimiter:
        """Reading has a number of threads of its own, so that other answers never wait for it."""
        if self._reading is None:
            self._reading = anyio.CapacityLimiter(min(_MOST_READING, usable_processors()))
        return self._reading

    async def _start(self, request: Request) -> Response:
        if len(self._entries) == 1 and not self._failed:
            (key,) = self._entries
            return RedirectResponse(request.url_for("_slide_page", key=key).path)
        return _page("cohort.html")

    async def _slide_page(self, request: Request) -> Response:
        self._entry(request)
        return _page("slide.html")

    async def _list(self, _: Request) -> Response:
        def rows() -> list[dict[str, object]]:
            return [describe_row(entry) for entry in self._entries.values()]

        listed = await anyio.to_thread.run_sync(rows)
        return Json({"slides": listed, "failed": self._failed})

    async def _thumbnail(self, request: Request) -> Response:
        entry = self._entry(request)
        picture = self._thumbnails.get(entry.key)
        if picture is None:
            async with self._limiter():
                if await request.is_disconnected():
                    return Response(status_code=204)
                picture = await anyio.to_thread.run_sync(make_thumbnail, entry, self._slides)
            self._thumbnails.put(entry.key, picture)
        return Response(picture, media_type="image/jpeg")

    async def _slide(self, request: Request) -> Response:
        entry = await self._checked(request)

        def describe() -> dict[str, object]:
            return describe_entry(entry, self._tiles.info(entry), len(self._entries))

        return Json(await anyio.to_thread.run_sync(describe))

    async def _tile(self, request: Request) -> Response:
        entry = await self._checked(request)
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

    async def _map(self, request: Request) -> Response:
        folder = self._result(request)
        name = request.query_params.get("class")

        def values() -> bytes:
            return map_bytes(read_map(folder, read_summary(folder), name))

        return Response(
            await anyio.to_thread.run_sync(values), media_type="application/octet-stream"
        )

    async def _regions(self, request: Request) -> Response:
        entry, folder = await self._checked(request), self._result(request)
        threshold = _probability(request.query_params.get("threshold", ""))
        name = request.query_params.get("class")

        def listed() -> dict[str, object]:
            summary = read_summary(folder)
            frame = frame_of(entry, self._tiles.info(entry), summary)
            least = ExportSettings(**summary.get("export", {})).min_region_mm2
            return list_regions(read_map(folder, summary, name), threshold, least, frame)

        return Json(await anyio.to_thread.run_sync(listed))

    async def _drawings(self, request: Request) -> Response:
        file = self._entry(request).annotations
        return _told(await anyio.to_thread.run_sync(read_drawings, file), file)

    async def _save_drawings(self, request: Request) -> Response:
        file = self._entry(request).annotations
        sent = await _sent(request)
        features, version = sent.get("features"), sent.get("version")
        try:
            saved = await anyio.to_thread.run_sync(save_drawings, file, features, version)
        except ChangedMeanwhileError as error:
            return Json({"error": str(error)}, 409)
        return _told(saved, file)

    async def _say_error(self, request: Request, error: Exception) -> Response:
        """An error as people read it: 422 where a slide is at fault, else 400."""
        status = 422 if isinstance(error, SlideError) else 400
        entry = self._entries.get(request.path_params.get("key", ""))
        text = " ".join(str(error).split())
        told = Veil()(text) if entry is None else entry.kept_from_pages(text)
        return Json({"error": told}, status)

    def _result(self, request: Request) -> Path:
        folder = self._entry(request).result
        if folder is None:
            raise HTTPException(404, "this slide has no map")
        return folder


def _told(drawings: Drawings, file: Path) -> Response:
    return Json({"file": file.name, "features": drawings.features, "version": drawings.version})


async def _combine(request: Request) -> Response:
    sent = await _sent(request)
    values = (sent.get("base"), sent.get("shape"), sent.get("mode"))
    combined = await anyio.to_thread.run_sync(combine, *values)
    return Json({"polygons": combined.polygons, "joined": combined.joined})


async def _sent(request: Request) -> dict[str, Any]:
    """The JSON object that a page has sent."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MOST_SENT:
            raise HTTPException(413, "too much was sent")
    try:
        sent = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise HTTPException(400, "what was sent is no JSON object")
    return sent


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


async def _colormaps(_: Request) -> Response:
    return Json(await anyio.to_thread.run_sync(colour_tables))


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise HTTPException(400, "the threshold must lie between 0 and 1")
    return value


async def _static_file(request: Request) -> Response:
    return _page(request.path_params["name"])


def _page(name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    content, media_type = found
    return Response(content, media_type=media_type)


async def _say_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Json({"error": error.detail}, error.status_code)
