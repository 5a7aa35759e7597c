"""Damage to any file: cut short, bits flipped, pieces lost, doubled or overwritten."""

from __future__ import annotations

from random import Random

_HEAD = 4096


def truncated(content: bytes, rng: Random) -> tuple[bytes, str]:
    """The first part of a file: some bytes, nearly all, or anything between."""
    length = rng.choice(
        [
            rng.randrange(min(64, len(content))),
            rng.randrange(min(_HEAD, len(content))),
            rng.randrange(len(content)),
            rng.randrange(len(content)),
            len(content) - 1 - rng.randrange(min(_HEAD, len(content))),
        ]
    )
    return content[:length], f"cut to {length:,} of {len(content):,} bytes"


def flipped(content: bytes, rng: Random, head: list[int] | None = None) -> tuple[bytes, str]:
    """Some bits flipped, anywhere or near what describes the rest.

    Parameters
    ----------
    head : offsets around which a file describes itself; None is its beginning.
    """
    changed = bytearray(content)
    count = rng.choice([1, 1, 2, 8, 64])
    in_head = rng.random() < 0.6
    for _ in range(count):
        if in_head:
            at = rng.choice(head or [0]) + rng.randrange(256 if head else _HEAD)
        else:
            at = rng.randrange(len(changed))
        changed[min(at, len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed), f"{count} bits flipped {'in its head' if in_head else 'anywhere'}"


def mangled(content: bytes, rng: Random) -> tuple[bytes, str]:
    """A piece of a file lost, doubled, zeroed, or replaced by another piece of it."""
    length = rng.choice([1, 7, 64, 1024, max(1, len(content) // 4)])
    start, other = (rng.randrange(max(1, len(content) - length)) for _ in range(2))
    piece = content[other : other + length]
    how = rng.choice(["lost", "doubled", "zeroed", "replaced", "random"])
    middle = {
        "lost": b"",
        "doubled": content[start : start + length] * 2,
        "zeroed": bytes(length),
        "replaced": piece,
        "random": rng.randbytes(length),
    }[how]
    changed = content[:start] + middle + content[start + length :]
    return changed, f"{length:,} bytes at {start:,} {how}"


def damaged(content: bytes, rng: Random, head: list[int] | None = None) -> tuple[bytes, str]:
    """Any of these."""
    how = rng.randrange(3)
    if how == 0:
        return truncated(content, rng)
    return flipped(content, rng, head) if how == 1 else mangled(content, rng)
