"""Finding words in files whatever they are wrapped in, and a colour in pictures.

A word is looked for as UTF-8 and UTF-16, as base64 and hexadecimal digits, capitals aside; in
the bytes as they are, and in all that unpacks: zlib streams wherever they begin (PNG's pixels
and texts, tiles of TIFF, HDF5), gzip, base64 in texts, escapes of JSON, HTML and addresses.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

_DEEPEST = 3
_ZLIB_STARTS = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x48\x89|\x58\x85|\x68\x81|\x38\x8d")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_NEAR = 60
# What is left of a short word in base64 stands in any picture.
_SHORTEST_FORM = 7


def words_in(content: bytes, words: Iterable[str]) -> set[str]:
    """Which of some ASCII words stand in a file's bytes, however they are wrapped."""
    forms = [(form, word) for word in words for form in _forms(word)]
    found = set()
    for part in _unpacked(content, 0):
        lower = part.lower()
        found |= {word for form, word in forms if form in lower}
    return found


def _forms(word: str) -> set[bytes]:
    plain = word.lower()
    forms = {plain.encode(), plain.encode("utf-16-le"), plain.encode("utf-16-be")}
    for spelt in (word, plain):
        raw = spelt.encode()
        forms.add(raw.hex().encode())
        # Of base64 that begins up to two bytes earlier, what does not depend on these.
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + raw)
            forms.add(encoded[4 if before else 0 : len(encoded) - 4].lower())
    return {form for form in forms if len(form) >= _SHORTEST_FORM}


def _unpacked(content: bytes, depth: int) -> Iterator[bytes]:
    yield content
    if depth == _DEEPEST:
        return
    for inner in _inside(content):
        yield from _unpacked(inner, depth + 1)


def _inside(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
        return
    pixels = _png_stream(content)
    if pixels is not None:
        yield pixels
    for start in _ZLIB_STARTS.finditer(content):
        unpacked = _inflated(content[start.start() :])
        if len(unpacked) > 7:
            yield unpacked
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    for match in _BASE64.finditer(content):
        encoded = match.group()
        yield base64.b64decode(encoded[: len(encoded) // 4 * 4], validate=False)
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    for other in (html.unescape(plain), urllib.parse.unquote(plain)):
        if other != text:
            yield other.encode(errors="replace")


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return b""


def _png_stream(content: bytes) -> bytes | None:
    """The pixels of a PNG, whose one stream is cut into chunks."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    at, stream = 8, b""
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] == b"IDAT":
            stream += content[at + 8 : at + 8 + length]
        at += 12 + length
    return _inflated(stream)


def shows(content: bytes, colour: tuple[int, int, int]) -> bool:
    """Whether a file is a picture, or a page with pictures, that has a colour or nearly it."""
    pictures = [content]
    if b"data:image" in content:
        pictures = [
            base64.b64decode(match) for match in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content)
        ]
    for picture in pictures:
        try:
            with Image.open(io.BytesIO(picture)) as image:
                pixels = np.asarray(image.convert("RGB")).astype(int)
        except (OSError, ValueError):
            continue
        if (np.abs(pixels - colour).max(axis=2) < _NEAR).any():
            return True
    return False


def below(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, by their paths in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
