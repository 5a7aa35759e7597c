"""What was used last is kept, up to a number of bytes."""

from __future__ import annotations

from wsi_idc.byte_cache import ByteCache


def cache_of_100() -> ByteCache[object, bytes]:
    return ByteCache(100, len)


def test_holds_no_more_than_it_may() -> None:
    cache = cache_of_100()
    for number in range(30):
        cache.put(number, bytes(30))
        assert cache.held <= 100
    assert [number for number in range(30) if cache.get(number) is not None] == [27, 28, 29]


def test_drops_what_was_used_longest_ago() -> None:
    cache = cache_of_100()
    for name in "abc":
        cache.put(name, bytes(30))
    cache.get("a")
    cache.put("d", bytes(30))
    assert cache.get("b") is None
    assert cache.get("a") == bytes(30)


def test_counts_what_is_replaced_once() -> None:
    cache = cache_of_100()
    cache.put("a", bytes(60))
    cache.put("b", bytes(40))
    cache.put("a", bytes(50))
    assert (cache.get("a"), cache.get("b"), cache.held) == (bytes(50), bytes(40), 90)


def test_what_is_larger_than_all_of_it_is_kept_until_the_next_comes() -> None:
    cache = cache_of_100()
    cache.put("a", bytes(10))
    cache.put("b", bytes(101))
    assert (cache.get("a"), cache.get("b"), cache.held) == (None, bytes(101), 101)
    cache.put("c", bytes(10))
    assert (cache.get("b"), cache.held) == (None, 10)
