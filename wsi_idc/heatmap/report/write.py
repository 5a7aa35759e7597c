"""Filling the page's template and writing it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import wsi_idc
from wsi_idc.files import whole_file
from wsi_idc.heatmap.report.content import page_content

if TYPE_CHECKING:
    from wsi_idc.heatmap.result import HeatmapResult


def write_report(path: Path, result: HeatmapResult, versions: dict[str, str]) -> None:
    """Write a result's report, whole or not at all; equal results give equal bytes.

    Parameters
    ----------
    path : the page to write.
    result : what it tells.
    versions : package and version, of the run that scored the slide.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(report_page(result, versions), encoding="utf-8", newline="\n")


def report_page(result: HeatmapResult, versions: dict[str, str]) -> str:
    """The report as HTML.

    Names and warnings are escaped by the template engine. The page forbids the browser to
    fetch anything, and to run any script but its own, which it is known by the hash of.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    here = files("wsi_idc.heatmap.report")
    script = here.joinpath("report.js").read_text(encoding="utf-8")
    style = here.joinpath("report.css").read_text(encoding="utf-8")
    template = here.joinpath("report.html.jinja").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(
        page_content(result, versions),
        version=wsi_idc.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )
