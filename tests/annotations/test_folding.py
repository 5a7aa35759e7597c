"""What areas of outlines will cost is known before they are computed."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
import shapely
from annotations.drawn import feature, write_geojson
from fuzz.annotations import circle, comb, scribble

from wsi_idc.annotations.folding import is_too_folded, overlapping_pairs
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError


def pairs_by_comparison(rings: list[np.ndarray]) -> int:
    """Pairs of edges with boxes that overlap, neighbours on a ring aside, one by one."""
    boxes = []
    for number, ring in enumerate(rings):
        for at, (start, end) in enumerate(itertools.pairwise(ring)):
            box = shapely.box(*np.minimum(start, end), *np.maximum(start, end))
            boxes.append((number, at, len(ring) - 1, box))
    found = 0
    for i, (ring, at, edges, box) in enumerate(boxes):
        for other_ring, other_at, _, other in boxes[i + 1 :]:
            if ring == other_ring and (at - other_at) % edges in (1, edges - 1):
                continue
            found += box.intersects(other)
    return found


@pytest.mark.parametrize("points", [5, 30, 60])
def test_pairs_are_those_that_comparing_all_with_all_finds(points: int) -> None:
    rng = Random(points)
    rings = [np.array(scribble(points, rng)), np.array(circle(20)[:-1])]
    closed = [np.vstack([ring, ring[:1]]) for ring in rings]
    expected = pytest.approx(pairs_by_comparison(closed))
    assert overlapping_pairs(rings) == expected == overlapping_pairs(closed)


def test_many_edges_are_estimated() -> None:
    ring = np.array(scribble(9000, Random(0)))
    sampled = overlapping_pairs([ring])
    assert sampled == pytest.approx(4 / 9 * 9000**2 / 2, rel=0.05)


def test_what_is_drawn_is_not_refused() -> None:
    rng = np.random.default_rng(0)
    freehand = np.array(circle(40_000)) + rng.normal(0, 0.5, (40_000, 2))
    many = [np.array(circle(12, 10.0)) + rng.uniform(0, 1e5, 2) for _ in range(20_000)]
    copies = [np.array(circle(300))] * 30
    for rings in ([freehand], many, copies):
        assert not is_too_folded(rings)
    assert not is_too_folded([np.array(scribble(100, Random(0)))], is_mended=True)
    assert not is_too_folded([])


@pytest.mark.parametrize("ring", [scribble(1000, Random(0)), comb(3000)], ids=["scribble", "comb"])
def test_what_would_take_hours_is_refused_at_once(tmp_path: Path, ring: list) -> None:
    path = write_geojson(tmp_path / "folded.geojson", feature(ring))
    assert path.stat().st_size < 500_000
    began = time.process_time()
    with pytest.raises(AnnotationError, match=r"folded\.geojson: its outlines run across"):
        read_annotations(path)
    assert time.process_time() - began < 5


def test_many_outlines_that_cross_each_other_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    slats = []
    for angle in rng.uniform(0, np.pi, 2000):
        along, across = (
            np.array([np.cos(angle), np.sin(angle)]),
            np.array([-np.sin(angle), np.cos(angle)]),
        )
        slats.append(
            [
                (s * 5000 * along + t * across).tolist()
                for s, t in ((-1, 0), (1, 0), (1, 1), (-1, 1))
            ]
        )
    path = tmp_path / "slats.geojson"
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature(s) for s in slats]})
    )
    with pytest.raises(AnnotationError, match="reasonable time"):
        read_annotations(path)
