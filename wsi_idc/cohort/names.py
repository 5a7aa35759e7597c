"""What slides are called where several files have one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path


def unique_names(slides: Sequence[Path]) -> list[str]:
    """Name slides by their files, and those of one name by their folders as well.

    Names are compared without regard to capitals, since folders are named by them. The names
    follow from the list alone, so that every process with the same list uses the same ones.

    Returns
    -------
    A name for each slide: ``case`` for `case.svs`; ``a_1`` and ``b_1`` for `a/1.svs` and
    `b/1.svs`; ``1.svs`` and ``1.tif`` for two in one folder.

    Examples
    --------
    >>> unique_names([Path("a/1.svs"), Path("b/1.svs"), Path("b/2.svs")])
    ['a_1', 'b_1', '2']
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, slide in enumerate(slides):
        groups[slide.stem.casefold()].append(index)
    taken = {stem for stem, members in groups.items() if len(members) == 1}
    names = [slide.stem for slide in slides]
    for members in groups.values():
        if len(members) > 1:
            for index, name in zip(members, _told_apart(slides, members, taken), strict=True):
                names[index] = name
                taken.add(name.casefold())
    return names


def _told_apart(slides: Sequence[Path], members: list[int], taken: set[str]) -> list[str]:
    """The shortest names by which a group's slides differ from each other and from the rest."""
    parts = [slides[index].absolute().parts for index in members]
    deepest = max(len(part) for part in parts)
    for folders in range(deepest):
        for with_ending in (False, True):
            ends = [slides[index].name if with_ending else slides[index].stem for index in members]
            above = [part[-1 - folders : -1] if folders else () for part in parts]
            names = ["_".join((*a, end)) for a, end in zip(above, ends, strict=True)]
            folded = {name.casefold() for name in names}
            if len(folded) == len(names) and not folded & taken:
                return names
    raise AssertionError("one file was listed twice")
