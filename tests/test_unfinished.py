"""What is undone where a process ends: never half of what is just being moved to its place."""

from __future__ import annotations

import threading

import pytest

from wsi_idc import unfinished as module
from wsi_idc.unfinished import clear_unfinished, finishing, unfinished


class Ended(BaseException):
    """In the place of the wait that only the end of a process ends."""


@pytest.fixture(autouse=True)
def _this_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> None:
        raise Ended

    monkeypatch.setattr(module, "_is_ending", threading.Event())
    monkeypatch.setattr(module, "end_if_ending", end)


def test_locks_are_released_when_all_else_is_undone() -> None:
    undone: list[str] = []
    with (
        unfinished(lambda: undone.append("lock 1"), last=True),
        unfinished(lambda: undone.append("folder 1")),
        unfinished(lambda: undone.append("lock 2"), last=True),
        unfinished(lambda: undone.append("folder 2")),
    ):
        clear_unfinished()
    assert undone == ["folder 2", "folder 1", "lock 2", "lock 1"]


def test_a_move_that_has_begun_is_waited_for() -> None:
    undone: list[bool] = []
    moved = False
    with unfinished(lambda: undone.append(moved)):
        with finishing():
            ending = threading.Thread(target=clear_unfinished)
            ending.start()
            ending.join(0.1)
            assert undone == []
            moved = True
        ending.join()
    assert undone == [True]


def test_no_move_begins_where_the_process_is_ending() -> None:
    moved = []
    clear_unfinished()
    with pytest.raises(Ended), finishing():
        moved.append(1)
    assert moved == []


def test_a_move_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_A_MOVE_S", 0.05)
    undone: list[int] = []
    with unfinished(lambda: undone.append(1)), finishing():
        clear_unfinished()
    assert undone == []
