"""The sentence about a plan."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tiling.memory_slide import MemorySource

from wsi_idc.tiling import estimate
from wsi_idc.tiling.estimate import plan_report
from wsi_idc.tiling.plan import PatchPlan, plan_patches


@pytest.fixture
def source() -> Any:
    source: Any = MemorySource(np.zeros((400, 600, 3), np.uint8))
    source.path = source.info.path
    return source


def plan_of(source: Any) -> PatchPlan:
    return plan_patches(source.info, None, mpp=8.0, patch_size=20, stride=10, min_tissue=0)


def test_the_report_tells_what_is_read(source: Any) -> None:
    plan = plan_of(source)
    report = plan_report(source, plan, source.info, 2.345)
    assert re.fullmatch(
        rf"slide\.tif: {len(plan):,} patches of 20 px at 8 µm/px from 2\.3 mm² of tissue; "
        r"reads level 0 \(8 µm/px\) in about \d+ s",
        report,
    )
    assert len(plan) > 1000


@pytest.mark.parametrize(("per_second", "seconds"), [(2.0, None), (1e9, 7)])
def test_the_slower_of_reading_and_scoring_decides(
    source: Any, monkeypatch: pytest.MonkeyPatch, per_second: float, seconds: int | None
) -> None:
    monkeypatch.setattr(estimate, "estimate_reading_seconds", lambda source, plan: 7.0)
    plan = plan_of(source)
    told = f"{len(plan) / per_second:.0f}" if seconds is None else f"{seconds}"
    report = plan_report(source, plan, source.info, 1, per_second)
    assert report.endswith(f"in about {told} s where {per_second:g} patches are scored a second")
    assert plan_report(source, plan, source.info, 1).endswith("in about 7 s")
