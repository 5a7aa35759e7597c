"""All kinds of cases, and which of them a run tries."""

from __future__ import annotations

from fuzz import (
    annotations,
    configs,
    drawings,
    faults,
    images,
    models,
    names,
    results,
    slides,
    tables,
)
from fuzz.cases import Case, Kind

KINDS: dict[str, Kind] = {
    **slides.KINDS,
    **images.KINDS,
    **annotations.KINDS,
    **tables.KINDS,
    **configs.KINDS,
    **models.KINDS,
    **drawings.KINDS,
    **names.KINDS,
    **results.KINDS,
    **faults.KINDS,
}


def quick_cases(kind: str) -> list[Case]:
    """The cases of the default run."""
    return [Case(kind, seed) for seed in range(KINDS[kind].quick)]


def long_cases(kind: str) -> list[Case]:
    """Those of `make test-long`: others, beyond the ones of the default run."""
    quick, long = KINDS[kind].quick, KINDS[kind].long
    return [Case(kind, seed) for seed in range(quick, quick + long)]
