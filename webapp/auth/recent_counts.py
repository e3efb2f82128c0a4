"""Counts that are kept in memory only: what a stranger sends without end must not become rows without end."""

from collections import OrderedDict

from webapp import clock


class RecentCounts:
    """How often something has happened for each of a bounded number of keys, within some seconds since the first time.

    Args:
        max_keys: how many keys are remembered; beyond that the one that was counted the longest ago is forgotten.
    """

    def __init__(self, max_keys: int = 10_000) -> None:
        self.max_keys = max_keys
        self.counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, key: str, seconds: float) -> tuple[int, float]:
        """Count once more for a key; return how often that was, and after how many seconds counting begins anew."""
        now = clock.steady()
        begun, count = self.counted.pop(key, (now, 0))
        if begun + seconds <= now:
            begun, count = now, 0
        self.counted[key] = (begun, count + 1)
        if len(self.counted) > self.max_keys:
            self.counted.popitem(last=False)
        return count + 1, begun + seconds - now
