"""What was drawn on a slide: valid polygons by class, in level-0 pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import shapely
import shapely.affinity
from shapely import Geometry, Polygon

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.annotations.folding import is_too_folded
from wsi_idc.annotations.regions import ParsedFile, Region, Ring
from wsi_idc.errors import AnnotationError


@dataclass(frozen=True, eq=False)
class AnnotationSet:
    """The areas of an annotation file.

    Attributes
    ----------
    format : the file's format, for people.
    polygons : valid shapely polygons with their holes, level-0 pixels, by class; polygons of a
        class may overlap. A class that was wholly subtracted has none.
    repaired : how many outlines crossed themselves and were mended.
    skipped : how many objects have no area or were not drawn, by kind.
    """

    format: str
    polygons: dict[str, tuple[Polygon, ...]]
    repaired: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the file."""
        return tuple(self.polygons)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the file was read."""
        notes = []
        if self.repaired:
            notes.append(f"{self.repaired} outlines that crossed themselves were mended")
        for kind, count in sorted(self.skipped.items()):
            notes.append(f"{count} {kind} skipped: they are no drawn areas")
        return tuple(notes)

    def matching(self, names: Iterable[str]) -> tuple[str, ...]:
        """The classes that are among `names`, capitals aside."""
        wanted = {name.strip().casefold() for name in names}
        return tuple(name for name in self.polygons if name.casefold() in wanted)

    def union(self, classes: Iterable[str] | None = None) -> AnnotatedArea:
        """The area of some classes; where polygons overlap it counts once.

        Parameters
        ----------
        classes : names as they stand in `classes`; None takes all.
        """
        chosen = self.polygons if classes is None else list(classes)
        return AnnotatedArea([polygon for name in chosen for polygon in self.polygons[name]])

    def shifted(self, dx: float, dy: float) -> AnnotationSet:
        """The same, moved by so many level-0 pixels."""
        moved = {
            name: tuple(shapely.affinity.translate(polygon, dx, dy) for polygon in polygons)
            for name, polygons in self.polygons.items()
        }
        return replace(self, polygons=moved)


def annotation_set(parsed: ParsedFile) -> AnnotationSet:
    """Make valid polygons of what a parser found.

    Outlines that cross themselves are mended so that every part they go round is inside.

    Raises
    ------
    AnnotationError
        If nothing of area is left of a region; the message says of which. If outlines cross each
        other so often that areas of them would take hours.
    """
    _refuse_folded([ring for region in parsed.regions for ring in _rings(region)])
    outlines = [(region, _outlines(region)) for region in parsed.regions]
    crossing = [
        ring
        for region, polygons in outlines
        if not all(is_valid for _, is_valid in polygons)
        for ring in _rings(region)
    ]
    _refuse_folded(crossing, is_mended=True)
    built = [(region, _valid(region, polygons)) for region, polygons in outlines]
    repaired = sum(mended for _, (_, mended) in built)
    negative = _subtracted(built)
    polygons: dict[str, list[Polygon]] = {}
    for region, (parts, _) in built:
        if region.subtracts:
            continue
        kept = polygons.setdefault(region.class_name, [])
        for part in parts:
            taken = negative.get(region.layer)
            kept += [part] if taken is None else polygons_of(part.difference(taken))
    return AnnotationSet(
        parsed.format,
        {name: tuple(parts) for name, parts in polygons.items()},
        repaired,
        dict(Counter(parsed.skipped)),
    )


def _rings(region: Region) -> list[Ring]:
    return [ring for rings in region.polygons for ring in rings]


def _outlines(region: Region) -> list[tuple[Polygon, bool]]:
    """The polygons of a region as they were drawn, and whether each is a valid one."""
    polygons = [Polygon(rings[0], list(rings[1:])) for rings in region.polygons]
    return [(polygon, bool(shapely.is_valid(polygon))) for polygon in polygons]


def _refuse_folded(rings: list[Ring], *, is_mended: bool = False) -> None:
    if is_too_folded(rings, is_mended=is_mended):
        raise AnnotationError(
            "its outlines run across or along each other so often that their area cannot be "
            "computed in reasonable time; draw them again, or simplify them"
        )


def _subtracted(built: list[tuple[Region, tuple[list[Polygon], int]]]) -> dict[int, Geometry]:
    """By layer, the union of what its regions subtract."""
    parts: dict[int, list[Polygon]] = {}
    for region, (polygons, _) in built:
        if region.subtracts:
            parts.setdefault(region.layer, []).extend(polygons)
    return {layer: shapely.union_all(polygons) for layer, polygons in parts.items()}


def polygons_of(geometry: Geometry) -> list[Polygon]:
    """The polygons of any geometry; lines and points, of no area, are left out."""
    parts = shapely.get_parts(geometry, return_index=False)
    found: list[Polygon] = []
    for part in parts:
        if isinstance(part, Polygon):
            found += [part] if part.area > 0 else []
        elif hasattr(part, "geoms"):
            found += polygons_of(part)
    return found


def _valid(region: Region, outlines: list[tuple[Polygon, bool]]) -> tuple[list[Polygon], int]:
    """Valid polygons of a region, and how many of its outlines had to be mended."""
    parts: list[Polygon] = []
    mended = 0
    for outline, is_valid in outlines:
        polygon: Geometry = outline
        if not is_valid:
            mended += 1
            polygon = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
        parts += polygons_of(polygon)
    if not parts:
        raise AnnotationError(
            f"{region.where} encloses no area: its outline runs back on itself; delete it or "
            "draw it again"
        )
    return parts, mended
