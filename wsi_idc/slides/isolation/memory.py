"""Memory that two processes see, without a name that could be left behind.

`multiprocessing.shared_memory` gives its memory a name in /dev/shm: a killed process leaves it
there, and containers allow 64 MB of it. Here the child inherits an open file that has no name, or
on Windows opens a mapping that vanishes with its last user.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import uuid


class SharedMemory:
    """Memory for a parent and one child.

    Attributes
    ----------
    buffer : the memory. Nothing is taken from the machine before it is written to.
    ticket : what `open_shared` needs in the child, as text.
    inherit : the file descriptors that the child must inherit.
    """

    def __init__(self, size: int) -> None:
        self.inherit: tuple[int, ...] = ()
        if sys.platform == "win32":
            name = f"wsi-idc-{uuid.uuid4()}"
            self.buffer = mmap.mmap(-1, size, tagname=name)
            self.ticket = f"{size}:{name}"
        else:
            file = _nameless_file()
            os.ftruncate(file, size)
            self.buffer = mmap.mmap(file, size)
            self.ticket = f"{size}:{file}"
            self.inherit = (file,)

    def child_has_started(self) -> None:
        """Close what only the child needed to inherit."""
        for file in self.inherit:
            os.close(file)
        self.inherit = ()


def open_shared(ticket: str) -> mmap.mmap:
    """The same memory, in the child."""
    size, _, name = ticket.partition(":")
    if sys.platform == "win32":
        return mmap.mmap(-1, int(size), tagname=name)
    else:
        buffer = mmap.mmap(int(name), int(size))
        os.close(int(name))
        return buffer


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("wsi-idc")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
