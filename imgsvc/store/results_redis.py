"""The shelf in Redis, for several machines."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from imgsvc.settings import SettingsError
from imgsvc.store.results import LEASE, SHARE, Entry, Failed, Making

SECONDS = 1.0
"""How long an answer of Redis may take."""
SHARED_SECONDS = 5
"""How long an error is there for those who wait."""
# The braces keep all keys on one node of a cluster.
PLACE = "imgsvc:{results}:"

_CLAIM = """
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
"""
_EXTEND = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_FAIL = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
redis.call('DEL', KEYS[1])
"""
_KEEP = """
local place, name, fence, value = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local milliseconds, now, expires_at, room = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local maker, used, ends, sizes, total = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if redis.call('GET', maker) ~= fence then return end
local function drop(one)
  redis.call('DECRBY', total, redis.call('HGET', sizes, one) or 0)
  redis.call('HDEL', sizes, one)
  redis.call('ZREM', used, one)
  redis.call('ZREM', ends, one)
  redis.call('DEL', place .. 'data:' .. one)
end
drop(name)
for _, one in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do drop(one) end
while tonumber(redis.call('GET', total) or 0) + #value > room do
  local oldest = redis.call('ZRANGE', used, 0, 0)[1]
  if not oldest then break end
  drop(oldest)
end
redis.call('SET', place .. 'data:' .. name, value, 'PX', milliseconds)
redis.call('HSET', sizes, name, #value)
redis.call('INCRBY', total, #value)
redis.call('ZADD', used, now, name)
redis.call('ZADD', ends, expires_at, name)
redis.call('DEL', maker)
"""


class RedisShelf:
    """A shelf of at most `room` bytes. Leases go by Redis' own clock. Safe to use from any thread and after a fork."""

    def __init__(self, url: str, *, room: int, place: str = PLACE) -> None:
        """Connects to nothing. SettingsError for what is no URL of a Redis, or where the package is missing."""
        self._redis = _client(url)
        self._room, self._place = room, place
        self._claim = self._redis.register_script(_CLAIM)
        self._extend = self._redis.register_script(_EXTEND)
        self._fail = self._redis.register_script(_FAIL)
        self._keep = self._redis.register_script(_KEEP)

    def look(self, name: str, now: float) -> Entry | Making | Failed | None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.mget(self._key("data", name), self._key("maker", name), self._key("error", name))
            pipe.zadd(self._key("used"), {name: now}, xx=True)
            (data, maker, error), _ = pipe.execute()
        if data:
            with suppress(ValueError, TypeError):
                return _read(data)
            # It is made anew, as if it were not there.
            self._redis.delete(self._key("data", name))
        if maker:
            return Making(maker.decode())
        return Failed(**json.loads(error)) if error else None

    def claim(self, name: str, fence: str, now: float) -> bool:  # noqa: ARG002
        keys = [self._key("data", name), self._key("maker", name)]
        return bool(self._claim(keys, [fence, int(LEASE * 1000)]))

    def extend(self, name: str, fence: str, now: float) -> None:  # noqa: ARG002
        self._extend([self._key("maker", name)], [fence, int(LEASE * 1000)])

    def keep(self, name: str, fence: str, entry: Entry, now: float) -> None:
        value = _written(entry)
        if len(value) * SHARE > self._room:
            self.fail(name, fence, None, now)
            return
        keys = [self._key("maker", name), *map(self._key, ("used", "ends", "sizes", "total"))]
        life = max(1, int((entry.expires_at - now) * 1000))
        self._keep(keys, [self._place, name, fence, value, life, now, entry.expires_at, self._room])

    def fail(self, name: str, fence: str, error: dict[str, Any] | None, now: float) -> None:  # noqa: ARG002
        told = json.dumps({"fence": fence, "error": error}) if error else ""
        self._fail([self._key("maker", name), self._key("error", name)], [fence, told, SHARED_SECONDS])

    def _key(self, kind: str, name: str = "") -> str:
        return f"{self._place}{kind}:{name}" if name else f"{self._place}{kind}"


def _client(url: str) -> Any:
    if find_spec("redis") is None:
        raise SettingsError("IMGSVC_REDIS_URL: Redis needs the package redis, which is not installed")
    redis = import_module("redis")
    try:
        return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    except ValueError:
        # The value is never repeated: it may hold a password.
        raise SettingsError("IMGSVC_REDIS_URL: not a URL, expected redis://HOST:6379/0") from None


def _written(entry: Entry) -> bytes:
    head = {"note": entry.note, "made_at": entry.made_at, "expires_at": entry.expires_at}
    return json.dumps(head).encode() + b"\n" + entry.data


def _read(value: bytes) -> Entry:
    head, _, data = value.partition(b"\n")
    return Entry(data=data, **json.loads(head))
