"""Phantoms drawn in processes of their own are those that one process draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.errors import SettingsError, WsiIdcError
from wsi_idc.phantom import PhantomSpec, make_phantom, side_by_side
from wsi_idc.phantom.side_by_side import make_phantoms


def spec(name: str, **changes: float) -> PhantomSpec:
    return PhantomSpec(name, **({"width_mm": 2.0, "height_mm": 2.0, "mpp": 4.0} | changes))


def test_they_are_the_same(tmp_path: Path) -> None:
    drawn = make_phantoms([[spec("a")], [spec("b"), spec("c")]], tmp_path)
    assert [phantom.spec.name for phantom in drawn] == ["a", "b", "c"]
    alone = make_phantom(spec("b"), tmp_path / "alone")
    for one, other in ((drawn[1].slide, alone.slide), (drawn[1].truth, alone.truth)):
        assert one.read_bytes() == other.read_bytes()


def test_an_error_of_one_is_that_of_all(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="phantom b: 50 µm/px cannot be drawn"):
        make_phantoms([[spec("a")], [spec("b", mpp=50)]], tmp_path)


def test_a_process_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "command_of", lambda module: ["false"])
    with pytest.raises(
        WsiIdcError,
        match=r"the process that draws phantoms ended \(exit status 1\); what it said stands above",
    ):
        make_phantoms([[spec("a")]], tmp_path)
