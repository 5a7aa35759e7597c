"""A fault of the viewer costs one answer, and is told in a line on the page and the terminal."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from slide_factory import position_slide
from starlette.testclient import TestClient

from wsi_idc.errors import FAULT
from wsi_idc.view import list_slides
from wsi_idc.view.app import make_app
from wsi_idc.view.entry import ViewSettings


def test_a_fault_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr("wsi_idc.view.app.describe_entry", fail)
    # To what listens here, once: a command that ran before has set handlers of its own.
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "handlers", [])
    slide, _ = position_slide(tmp_path, 300, 200, 0.25, (1,))
    app = make_app(list_slides([slide], ViewSettings()))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        caplog.set_level(logging.DEBUG, logger="wsi_idc")
        answer = client.get("/api/slides/position")
        assert client.get("/api/slides/position/tiles/0/0/0.jpg").status_code == 200
    told = f"KeyError: 'planted'; {FAULT}"
    assert (answer.status_code, answer.json()) == (500, {"error": told})
    assert answer.headers["Cache-Control"] == "no-store"  # as every answer
    error, trace = caplog.records
    assert (error.levelno, error.getMessage()) == (logging.ERROR, f"error: {told}")
    assert trace.levelno == logging.DEBUG
    assert "Traceback" in trace.getMessage()
