"""What runs in the child: open a slide, read regions of it into the shared memory, and answer.

It ends when its parent does: the pipe that requests come through closes then, whatever ended
the parent. A thread waits for that, since the main one may be stuck in a read; and if that read
even keeps Python's lock, an alarm of the interpreter ends the process after the read's limit.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import sys
import threading
from typing import Any, BinaryIO

import numpy as np

from wsi_idc.errors import WsiIdcError
from wsi_idc.fresh_process import private_pipes
from wsi_idc.slides.base import Slide
from wsi_idc.slides.isolation.memory import open_shared
from wsi_idc.slides.opening import open_in_this_process

# The parent ends a child that takes too long; this is for a parent that is no more.
_GRACE_S = 10.0

# What is asked of a slide besides pixels, and the method that answers.
_QUESTIONS = {"displacement": "_displacement", "means": "_means", "plain": "is_plain"}


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    memory = open_shared(sys.argv[-1])
    requests, answers = private_pipes()
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    slide: Slide | None = None
    while True:
        request = waiting.get()
        faulthandler.dump_traceback_later(request.pop("timeout_s") + _GRACE_S, exit=True)
        action = request.pop("action")
        answer: Any
        try:
            if action == "open":
                slide = open_in_this_process(**request)
                answer = slide.info, slide.icc_profile
            elif action == "close":
                if slide is not None:
                    slide.close()
                slide = answer = None
            elif slide is None:
                raise RuntimeError("no slide is open")
            elif action in _QUESTIONS:
                answer = getattr(slide, _QUESTIONS[action])(**request)
            else:
                pixels = slide._read_inside(**request)
                target = np.frombuffer(memory, np.uint8, pixels.size).reshape(pixels.shape)
                np.copyto(target, pixels)
                answer = None
        except WsiIdcError as error:
            answer = error
        except Exception as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        faulthandler.cancel_dump_traceback_later()
        pickle.dump(answer, answers)
        answers.flush()


def _listen(requests: BinaryIO, waiting: queue.SimpleQueue[dict[str, Any]]) -> None:
    try:
        while True:
            waiting.put(pickle.load(requests))
    finally:
        os._exit(0)  # not sys.exit: nothing is to be saved, and the main thread may be stuck
