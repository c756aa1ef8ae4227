"""The counters of ``idp.web.throttle`` on Redis: each call is one script, so nothing comes between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import redis

from idp.web.throttle import Blocked, Limit, Reservation

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "idp:throttle:"
# KEYS: the counters. ARGV: now, then six numbers a counter (free, first wait, longest wait, doubles, window, slides),
# all times in milliseconds. Answers {0, blocked until of each} or {1, number of the counter, blocked until}.
_RESERVE = """
local now = tonumber(ARGV[1])
local wait_for, wait_until = 0, 0
for i, key in ipairs(KEYS) do
  local blocked = tonumber(redis.call('HGET', key, 'b') or '0')
  if blocked > now and blocked > wait_until then wait_for, wait_until = i, blocked end
end
if wait_for > 0 then return {1, wait_for, wait_until} end
local answer = {0}
for i, key in ipairs(KEYS) do
  local at = 1 + (i - 1) * 6
  local free, first, longest = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local doubles, window, slides = ARGV[at + 4] == '1', tonumber(ARGV[at + 5]), ARGV[at + 6] == '1'
  local failures = tonumber(redis.call('HGET', key, 'f') or '0')
  local started = tonumber(redis.call('HGET', key, 'w') or tostring(now))
  local over = now - started >= window
  if over then failures = 1 else failures = failures + 1 end
  if over or slides then started = now end
  local blocked = 0
  if failures >= free then
    local wait = first
    if doubles then wait = first * 2 ^ math.min(failures - free, 20) end
    blocked = now + math.min(wait, longest)
  end
  redis.call('HSET', key, 'f', failures, 'w', string.format('%d', started), 'b', string.format('%d', blocked))
  redis.call('PEXPIRE', key, math.max(window, longest) * 2)
  answer[i + 1] = blocked
end
return answer
"""
# KEYS: the counters. ARGV: for each, until when the reservation blocked it (0: it did not).
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  local failures = tonumber(redis.call('HGET', key, 'f') or '0')
  if failures > 0 then
    redis.call('HSET', key, 'f', failures - 1)
    local blocked = redis.call('HGET', key, 'b')
    if ARGV[i] ~= '0' and blocked == ARGV[i] then redis.call('HSET', key, 'b', '0') end
  end
end
return 0
"""


class RedisThrottle:
    """Counters on Redis."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._reserve: Any = self._redis.register_script(_RESERVE)
        self._give_back: Any = self._redis.register_script(_GIVE_BACK)

    def reserve(self, limits: Sequence[Limit], now: datetime) -> Reservation:
        """Count a try against all of *limits*, or against none (see ``Throttle``)."""
        arguments = [_milliseconds(now)]
        for limit in limits:
            rule = limit.rule
            arguments += [rule.free, _length(rule.first_wait), _length(rule.longest_wait), int(rule.doubles)]
            arguments += [_length(rule.window), int(rule.slides)]
        answer = self._reserve(keys=[_PREFIX + limit.key for limit in limits], args=arguments)
        if answer[0]:
            seconds = max(1, -(-(int(answer[2]) - _milliseconds(now)) // 1000))
            raise Blocked(limits[int(answer[1]) - 1].rule.name, seconds)
        blocked = [datetime.fromtimestamp(int(until) / 1000, UTC) if until else None for until in answer[1:]]
        return Reservation(tuple((limit.key, until) for limit, until in zip(limits, blocked, strict=True)))

    def give_back(self, reservation: Reservation, now: datetime) -> None:  # noqa: ARG002 - the interface of Throttle
        """Uncount a try that did not fail, with the wait that it alone caused."""
        self._give_back(
            keys=[_PREFIX + key for key, _ in reservation.taken],
            args=[_milliseconds(until) if until else 0 for _, until in reservation.taken],
        )


def _milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _length(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
