"""Ctrl-C and SIGTERM: a command ends in order where it can, and within two seconds in any case.

The first signal raises KeyboardInterrupt in the main thread, which clears up on its way out. That
thread sees it late where a library computes, and may have to wait for others at its end. So another
thread waits for the signal too: a moment later, or at once on a second signal, it clears away what
is unfinished and ends the process. Children end with it, since their pipes close.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from wsi_idc.unfinished import clear_unfinished

EXIT_INTERRUPTED = 130
INTERRUPTED = (
    "interrupted; what was finished is kept: the same command goes on, train with --resume"
)

GRACE_S = 1.2
"""How long the main thread may take to end in order."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Watch:
    """Whether the process was told to end, and what has become of that."""

    def __init__(self) -> None:
        self.is_interrupted = False
        self.is_told = False
        self.status = EXIT_INTERRUPTED
        # Standard error itself is closed for a while where libraries would chat into it.
        self._terminal = os.dup(2)
        # The system's own handler writes to it at once, whatever the main thread does.
        self.ear, self._mouth = socket.socketpair()
        self._mouth.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._raise) for number in _SIGNALS}
        threading.Thread(target=self._listen, daemon=True, name="interruption").start()

    def end(self) -> None:
        """End the process, whatever its threads do."""
        try:
            if not self.is_told:
                line = "\n" if sys.stderr.isatty() else ""  # below a progress bar
                os.write(self._terminal, f"{line}{INTERRUPTED}\n".encode())
            clear_unfinished()
        finally:
            os._exit(self.status)

    def leave(self) -> None:
        """Put back what was before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        self._mouth.close()  # ends the thread, which closes the other end
        os.close(self._terminal)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not self.is_interrupted:  # once: a second one must not break off the clearing up
            self.is_interrupted = True
            raise KeyboardInterrupt

    def _listen(self) -> None:
        with self.ear as ear:
            while signal_number := ear.recv(1):
                if signal_number[0] in _SIGNALS:
                    select.select([ear], [], [], GRACE_S)
                    self.end()


_watch: _Watch | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process soon after it is told to, while the block lasts or when it is left."""
    global _watch
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _watch = watch = _Watch()
    try:
        yield
    finally:
        if watch.is_interrupted:
            # All has been cleared up. Python itself would wait for threads at its end, and take
            # seconds to take TensorFlow apart.
            with suppress(OSError, ValueError):  # nobody reads it any more
                sys.stdout.flush()
            watch.end()
        watch.leave()


def was_told() -> None:
    """Note that the user knows of the interruption."""
    if _watch is not None:
        _watch.is_told = True


def is_the_way_to_end() -> None:
    """Note that this command ends by an interruption, which breaks off nothing: status 0."""
    if _watch is not None:
        _watch.is_told, _watch.status = True, 0
