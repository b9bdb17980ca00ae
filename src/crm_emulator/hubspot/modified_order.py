"""Record ids in order of when their records were last modified: what a search by modification time walks along.

Exact at every moment, so that counting a window costs no look at its records. Equal stamps stand in an order that is
neither that of ids nor that of writing, since HubSpot promises none: whoever relies on one must fail here already.
"""

from __future__ import annotations

from bisect import bisect_left, insort

_ID_BITS = 64
_ID_MASK = (1 << _ID_BITS) - 1
_SCATTER = 0x9E37_79B9_7F4A_7C15  # odd, so that multiplying modulo 2**64 loses nothing
_GATHER = pow(_SCATTER, -1, 1 << _ID_BITS)
_BUCKET_MAX = 512


def _key(at_ms: int, id: int) -> int:
    """One integer that sorts by time and, within one, by the scattered id."""
    return at_ms << _ID_BITS | (id * _SCATTER & _ID_MASK)


class ModifiedOrder:
    """A sorted list in buckets: adding at the end and removing anywhere are cheap, and so is counting."""

    __slots__ = ("_buckets", "_lasts")

    def __init__(self) -> None:
        self._buckets: list[list[int]] = []
        self._lasts: list[int] = []  # the last key of each bucket

    def add(self, at_ms: int, id: int) -> None:
        key = _key(at_ms, id)
        buckets, lasts = self._buckets, self._lasts
        if not lasts or key > lasts[-1]:
            if buckets and len(buckets[-1]) < _BUCKET_MAX:
                buckets[-1].append(key)
                lasts[-1] = key
            else:
                buckets.append([key])
                lasts.append(key)
            return
        at = bisect_left(lasts, key)
        bucket = buckets[at]
        insort(bucket, key)
        if len(bucket) > 2 * _BUCKET_MAX:
            buckets.insert(at, bucket[:_BUCKET_MAX])
            lasts.insert(at, bucket[_BUCKET_MAX - 1])
            del bucket[:_BUCKET_MAX]

    def remove(self, at_ms: int, id: int) -> None:
        """The entry must be there."""
        key = _key(at_ms, id)
        at = bisect_left(self._lasts, key)
        bucket = self._buckets[at]
        position = bisect_left(bucket, key)
        assert bucket[position] == key, f"record {id} is not at {at_ms}"
        del bucket[position]
        if not bucket:
            del self._buckets[at]
            del self._lasts[at]
        elif position == len(bucket):
            self._lasts[at] = bucket[-1]

    def rank(self, at_ms: int) -> int:
        """How many records were last modified before `at_ms`."""
        key = at_ms << _ID_BITS
        at = bisect_left(self._lasts, key)
        before = sum(map(len, self._buckets[:at]))
        return before if at == len(self._buckets) else before + bisect_left(self._buckets[at], key)

    def ids(self, start: int, stop: int) -> list[int]:
        """Ids from rank `start` up to, not including, rank `stop`; oldest modification first."""
        found: list[int] = []
        for bucket in self._buckets:
            if start < len(bucket):
                found.extend((key & _ID_MASK) * _GATHER & _ID_MASK for key in bucket[start:stop])
            start = max(0, start - len(bucket))
            stop -= len(bucket)
            if stop <= 0:
                break
        return found
