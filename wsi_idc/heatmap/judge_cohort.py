"""Several slides judged: a row a slide, their mean, and all their units taken as one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wsi_idc.files import write_csv, write_json
from wsi_idc.heatmap.truth import TruthScores, Units, pool, score

MEAN, POOLED = "mean of slides", "all slides as one"

_COUNTED = ("cells", "not_assessed", "left_out")


@dataclass(frozen=True, eq=False)
class CohortScores:
    """Figures of a cohort, by what was judged (such as `cells off the border`).

    Attributes
    ----------
    slides : by kind and slide.
    mean : by kind, the plain mean of each figure over the slides that have it.
    pooled : by kind, over the units of all slides.
    """

    slides: dict[str, dict[str, TruthScores]]
    mean: dict[str, dict[str, float | None]]
    pooled: dict[str, TruthScores]

    def table(self) -> pd.DataFrame:
        """One row a kind and slide, then mean and pooled rows where there are several."""
        rows: list[dict[str, Any]] = []
        for kind, slides in self.slides.items():
            rows += [{"judged": kind, "slide": name, **asdict(one)} for name, one in slides.items()]
            if len(slides) > 1:
                rows.append({"judged": kind, "slide": MEAN, **self.mean[kind]})
                rows.append({"judged": kind, "slide": POOLED, **asdict(self.pooled[kind])})
        return pd.DataFrame(rows).astype(dict.fromkeys(_COUNTED, "Int64"))

    def as_json(self) -> dict[str, Any]:
        """Plain values of all of it."""
        return {
            kind: {
                "slides": {name: asdict(one) for name, one in slides.items()},
                "mean": self.mean[kind],
                "pooled": asdict(self.pooled[kind]),
            }
            for kind, slides in self.slides.items()
        }


def score_cohort(judged: dict[str, dict[str, Units]]) -> CohortScores:
    """Make figures of what was judged.

    Parameters
    ----------
    judged : by slide, then by kind.
    """
    kinds = list(dict.fromkeys(kind for units in judged.values() for kind in units))
    by_kind = {
        kind: {name: units[kind] for name, units in judged.items() if kind in units}
        for kind in kinds
    }
    slides = {
        kind: {name: score(units) for name, units in parts.items()}
        for kind, parts in by_kind.items()
    }
    return CohortScores(
        slides=slides,
        mean={kind: _mean(list(scores.values())) for kind, scores in slides.items()},
        pooled={kind: score(pool(list(parts.values()))) for kind, parts in by_kind.items()},
    )


def write_cohort(scores: CohortScores, folder: Path) -> None:
    """Write `heatmaps.csv` and `heatmaps.json`.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    write_csv(folder / "heatmaps.csv", scores.table())
    write_json(folder / "heatmaps.json", scores.as_json())


def _mean(scores: list[TruthScores]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for field in fields(TruthScores):
        if field.name in _COUNTED:
            continue
        values = [value for one in scores if (value := getattr(one, field.name)) is not None]
        means[field.name] = float(np.mean(values)) if values else None
    return means
