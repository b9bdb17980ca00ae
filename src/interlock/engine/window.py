"""How far back one poll looks. Pure: stamps and clocks go in, a moment comes out, and the cursor that is kept.

What changed becomes visible late: a search index lags, a transaction commits after its stamp. So a stamp that was seen
does not say that everything before it was. Reading the last two minutes again with every poll would, and reads a burst
over and over, for ever if nothing comes after it. Instead a poll asks for what is newer than the newest stamp seen, and
looks back once every `overlap_us`, to where everything is known to have been seen. A record is so read two or three times.

No clock of ours is compared with a stamp, only durations: what bears a stamp that we saw is `overlap_us` old at the
latest when that much time has passed since we saw it, whatever the two clocks show.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

# How far our clock may be ahead of a CRM's when a connection begins: what changed in that much time before is looked at once.
BEGUN_EARLIER_US = 300_000_000


class Window(msgspec.Struct, frozen=True):
    """The cursor of one kind of record on one side. `*_us` are stamps of the CRM, `*_at_us` times of our clock."""

    modified_us: int  # the newest stamp seen
    settled_us: int  # whatever bears this stamp or an older one has been seen
    first_seen_at_us: int = 0  # when `modified_us` was
    looked_back_at_us: int = 0

    @classmethod
    def of(cls, cursor: Mapping[str, int] | None, begun_us: int, overlap_us: int) -> Window:
        if cursor is None:
            since_us = begun_us - max(overlap_us, BEGUN_EARLIER_US)
            return cls(since_us, since_us)
        return cls(**{"settled_us": cursor["modified_us"] - overlap_us, **cursor})

    def cursor(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__struct_fields__}

    @property
    def settled(self) -> bool:
        return self.settled_us >= self.modified_us

    def looks_back(self, now_us: int, overlap_us: int, asked: bool) -> bool:
        return not self.settled and (asked or now_us - self.looked_back_at_us >= overlap_us)

    def since_us(self, back: bool, grain_us: int) -> int:
        """From which stamp on to ask, that one included. `grain_us`: what the CRM's stamps are rounded to."""
        if self.settled:
            return self.modified_us + grain_us
        # More may come under the newest stamp until it is settled.
        return max(self.settled_us if back else self.modified_us, 0)

    def reached(self, modified_us: int, now_us: int) -> Window:
        """Rows up to this stamp were taken in, oldest first; `now_us`: after they were read."""
        if modified_us <= self.modified_us:
            return self
        # The first look is no reason for another at once: one that is interrupted goes on from what it has seen.
        looked_back_at_us = self.looked_back_at_us or now_us
        return msgspec.structs.replace(
            self, modified_us=modified_us, first_seen_at_us=now_us, looked_back_at_us=looked_back_at_us
        )

    def passed(self, modified_us: int, before: Window, began_at_us: int, overlap_us: int) -> Window:
        """A look back has taken in rows up to this stamp: what is behind it need not be looked at again if it is interrupted.
        More may come under the stamp itself."""
        settled_us = min(before._settles_us(began_at_us, overlap_us), modified_us - 1)
        return msgspec.structs.replace(self, settled_us=max(self.settled_us, settled_us))

    def looked_back(self, before: Window, began_at_us: int, overlap_us: int) -> Window:
        """A look back that began then has come to its end; `before`: the window that it began with."""
        settled_us = max(self.settled_us, before._settles_us(began_at_us, overlap_us))
        return msgspec.structs.replace(self, settled_us=settled_us, looked_back_at_us=began_at_us)

    def _settles_us(self, began_at_us: int, overlap_us: int) -> int:
        """What a look back that begins then is sure to see all of: up to this stamp."""
        aged = began_at_us - self.first_seen_at_us >= overlap_us
        return self.modified_us if aged else self.modified_us - overlap_us
