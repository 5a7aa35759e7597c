"""How long jobs tell how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is to do in all, both counted alike (patches,
say); the last call has the two equal."""

StepProgress = Callable[[int, int, str], None]
"""The same for jobs of several kinds of steps; the text says what is going on."""
