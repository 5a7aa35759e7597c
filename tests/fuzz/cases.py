"""What a case of the fuzz corpus is: hostile input made from a seed, and what is done with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzz.bases import Bases


@dataclass(frozen=True)
class Case:
    """One case; it is the same on every machine that has the same files to start from.

    Attributes
    ----------
    kind : one of `corpus.KINDS`.
    seed : from 0; cases of one kind differ by it alone.
    """

    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.seed}"

    @classmethod
    def parse(cls, text: str) -> Case:
        kind, _, seed = text.rpartition(":")
        return cls(kind, int(seed))

    def random(self) -> random.Random:
        return random.Random(str(self))


@dataclass(frozen=True)
class Attempt:
    """What the program is asked to do with hostile input.

    Attributes
    ----------
    run : does it; ends well, or in a WsiIdcError.
    names : the error's message must hold one of these, the input's name; none where nothing
        that was given has a name.
    about : the input in words, for people.
    """

    run: Callable[[], object]
    names: tuple[str, ...]
    about: str


@dataclass(frozen=True)
class Kind:
    """Cases of one sort.

    Attributes
    ----------
    make : writes the input into an empty folder.
    quick, long : how many seeds the default run tries, and `make test-long`.
    needs_real : whether it starts from real slides, which are not part of the repository.
    cpu_s, peak_mib : more processor time or memory than this is a fault.
    """

    make: Callable[[Bases, Path, random.Random], Attempt]
    quick: int
    long: int
    needs_real: bool = False
    cpu_s: float = 10.0
    peak_mib: float = 768.0
