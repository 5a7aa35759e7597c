"""The directories of a TIFF, found without any library, so that each entry can be made a lie."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BYTES |= {16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}
SUB_IFDS = 330


@dataclass(frozen=True)
class Entry:
    """An entry of a directory.

    Attributes
    ----------
    at : where the entry itself lies in the file.
    value_at : where its values lie.
    """

    at: int
    tag: int
    kind: int
    count: int
    value_at: int


@dataclass(frozen=True)
class Directory:
    """A directory, and where the offset of the next one stands."""

    at: int
    entries: tuple[Entry, ...]
    next_at: int

    def entry(self, tag: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


class Tiff:
    """A TIFF's bytes, to be changed in place."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self._order = "<" if content[:2] == b"II" else ">"
        self.is_big = self._unpack("H", 2) == 43
        self._offset = "Q" if self.is_big else "L"
        self.directories: list[Directory] = []
        waiting = [self._unpack(self._offset, 8 if self.is_big else 4)]
        while waiting:
            found = self._directory(waiting.pop(0))
            self.directories.append(found)
            if following := self._unpack(self._offset, found.next_at):
                waiting.append(following)
            if subs := found.entry(SUB_IFDS):
                waiting += self.values(subs)

    def values(self, entry: Entry) -> list[int]:
        """The values of an entry of whole numbers."""
        kind = _INTEGERS[entry.kind]
        size = _BYTES[entry.kind]
        return [self._unpack(kind, entry.value_at + size * i) for i in range(entry.count)]

    def set_value(self, entry: Entry, value: int, index: int = 0) -> None:
        """Change one value of an entry; what does not fit is cut to the bytes it has."""
        kind, size = _INTEGERS.get(entry.kind, "B"), _BYTES.get(entry.kind, 1)
        if kind == "B":
            size = 1
        struct.pack_into(
            self._order + kind,
            self.content,
            entry.value_at + size * index,
            value & (256**size - 1),
        )

    def set_kind(self, entry: Entry, kind: int) -> None:
        struct.pack_into(self._order + "H", self.content, entry.at + 2, kind)

    def set_tag(self, entry: Entry, tag: int) -> None:
        struct.pack_into(self._order + "H", self.content, entry.at, tag)

    def set_count(self, entry: Entry, count: int) -> None:
        struct.pack_into(self._order + self._offset, self.content, entry.at + 4, count)

    def set_field(self, entry: Entry, offset: int) -> None:
        """Change where the values of an entry are said to lie, or the value that stands there."""
        at = entry.at + (12 if self.is_big else 8)
        struct.pack_into(self._order + self._offset, self.content, at, offset)

    def set_next(self, directory: Directory, offset: int) -> None:
        struct.pack_into(self._order + self._offset, self.content, directory.next_at, offset)

    def _directory(self, at: int) -> Directory:
        count_kind, head, size, inline = ("Q", 8, 20, 8) if self.is_big else ("H", 2, 12, 4)
        count = self._unpack(count_kind, at)
        entries = []
        for i in range(count):
            place = at + head + i * size
            tag, kind = self._unpack("H", place), self._unpack("H", place + 2)
            values = self._unpack(self._offset, place + 4)
            value_at = place + size - inline
            if values * _BYTES.get(kind, 1) > inline:
                value_at = self._unpack(self._offset, value_at)
            entries.append(Entry(place, tag, kind, values, value_at))
        return Directory(at, tuple(entries), at + head + count * size)

    def _unpack(self, kind: str, at: int) -> int:
        value: int = struct.unpack_from(self._order + kind, self.content, at)[0]
        return value
