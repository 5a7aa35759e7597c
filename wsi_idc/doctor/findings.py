"""What a check of the installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is: all right, worth knowing, or in the way of work."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    state : how it is.
    about : what it is, in a word or two.
    told : how it was found, in one line.
    remedy : what to do about it; empty where nothing need be done.
    """

    state: State
    about: str
    told: str
    remedy: str = ""
