"""Archives that others made: what in one leads out of it."""

from __future__ import annotations

import re
import stat
from zipfile import ZipInfo

_DRIVE = re.compile(r"[A-Za-z]:")
_UNIX = 3  # of a member's `create_system`: then its mode is told


def leads_out(member: ZipInfo) -> bool:
    """Whether a member of a zip file is a link, or has a place outside of where it is unpacked.

    Nothing is unpacked by wsi-idc itself. But nobody packs such members by accident, and other
    programs may come upon the same file.
    """
    mode = member.external_attr >> 16
    if member.create_system == _UNIX and stat.S_ISLNK(mode):
        return True
    name = member.filename.replace("\\", "/")
    return name.startswith("/") or bool(_DRIVE.match(name)) or ".." in name.split("/")
