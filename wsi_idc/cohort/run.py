"""Running the same step over many slides, each for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

EXIT_DONE, EXIT_SOME_FAILED, EXIT_ALL_FAILED = 0, 3, 4


@dataclass(frozen=True)
class Outcome:
    """What became of one slide: `error` is None where all went well."""

    slide: Path
    error: Exception | None = None


def run_slides(
    slides: Iterable[Path],
    step: Callable[[Path], None],
    failed: Callable[[Path, Exception], None],
) -> list[Outcome]:
    """Run `step` on each slide; a slide that fails is told to `failed` and the rest go on.

    Whatever goes wrong with one slide costs that slide alone, be it memory that runs out or
    a fault of the program that only an odd slide brings to light: a night's run over hundreds
    of slides must not end at the third. Only an interruption by the user ends it.
    """
    outcomes = []
    for slide in slides:
        try:
            step(slide)
            outcomes.append(Outcome(slide))
        except Exception as error:
            failed(slide, error)
            outcomes.append(Outcome(slide, error))
    return outcomes


def exit_status(outcomes: list[Outcome]) -> int:
    """0 all done, 3 some slides failed, 4 all failed; a single slide that failed is 1."""
    failures = sum(outcome.error is not None for outcome in outcomes)
    if not failures:
        return EXIT_DONE
    if len(outcomes) == 1:
        return 1
    return EXIT_ALL_FAILED if failures == len(outcomes) else EXIT_SOME_FAILED
