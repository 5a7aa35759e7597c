"""What in a zip file leads out of it."""

from __future__ import annotations

import stat
from zipfile import ZipInfo

import pytest

from wsi_idc.archives import leads_out


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> ZipInfo:
    info = ZipInfo()
    info.filename, info.create_system, info.external_attr = name, 3, mode << 16
    return info


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/a", "\\a", "..\\a", "C:\\a", "c:a", "a/..", "//server/share"]
)
def test_places_outside(name: str) -> None:
    assert leads_out(member(name))


@pytest.mark.parametrize("name", ["a", "a/b.json", "..a", "a..b/c...d", "__MACOSX/._a", "ä b"])
def test_places_inside(name: str) -> None:
    assert not leads_out(member(name))


def test_links() -> None:
    link = member("a", stat.S_IFLNK | 0o777)
    assert leads_out(link)
    link.create_system = 0  # of MS-DOS, where these bits say something else
    assert not leads_out(link)
