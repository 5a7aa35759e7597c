"""`wsi-idc view`: slides and their heatmaps in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsi_idc.cli.console import log, start_log, user_errors
from wsi_idc.cli.interruption import is_the_way_to_end
from wsi_idc.cli.options import (
    IccOption,
    IsolateOption,
    Reader,
    ReaderOption,
    SlideMppOption,
    slide_mpp_given,
)


@user_errors
def view(
    targets: Annotated[
        list[Path],
        typer.Argument(
            help="Slides, or folders of results that `wsi-idc heatmap` wrote.", show_default=False
        ),
    ],
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            help="Where the results of named slides lie: what was heatmap's --output, or one "
            "slide's folder.",
            show_default=False,
        ),
    ] = None,
    slides: Annotated[
        Path | None,
        typer.Option(
            "--slides",
            help="Folder of the slides of results, which do not tell where these lie.",
            show_default="among the results or beside their folder",
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations",
            help="Folder that drawings are kept in, one GeoJSON a slide.",
            show_default="annotations, beside the results",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port on this machine; 0 takes any free one.",
            show_default="8765, or a free one",
        ),
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the page, or only print its address."),
    ] = True,
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    icc: IccOption = False,
    isolate: IsolateOption = False,
) -> None:
    """Look at slides and their heatmaps in the browser, and draw on them.

    Answers this machine only, and fetches nothing from elsewhere. Ctrl-C stops.
    """
    start_log()
    from wsi_idc.view import ViewSettings, failed_slides, list_slides, serve

    given = {
        "reader": None if reader is Reader.AUTO else reader.value,
        "slide_mpp": slide_mpp_given(slide_mpp),
        "icc": icc or None,
        "isolated": isolate or None,
    }
    settings = ViewSettings(
        results=results,
        slides=slides,
        annotations=annotations,
        source={name: value for name, value in given.items() if value is not None},
    )
    entries = list_slides(targets, settings)
    if len(entries) == 1:
        entries[0].source.open().close()  # what is wrong with it is said here, not in the browser
    for entry in entries:
        for warning in entry.warnings:
            log.warning("%s: warning: %s", entry.key, warning)
    failed = failed_slides(targets)
    is_the_way_to_end()
    serve(entries, failed=failed, port=port, open_browser=browser, say=typer.echo)
