"""Key/value records of this install (`cap:storage.kv`).

    notes = kv.Namespace("notes")
    revision = notes.put("a", {"text": "hello"}, if_revision=0)
    entry = notes.get("a")
    entry.json()
"""

import json as _json
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple, TypeVar, Union

from componentize_py_types import Err
try:
    from wit_world.imports import kv as _kv
except ImportError as error:
    raise ImportError('alga.kv needs "cap:storage.kv" in the capabilities of manifest.json') from error

from alga.errors import Conflict, Denied, Invalid, StorageFull, Unavailable

T = TypeVar("T")


@dataclass
class Entry:
    """A stored record."""

    key: str
    value: bytes
    metadata: bytes
    #: Increases with every write to the key.
    revision: int
    #: Seconds until it expires, if it was written with a time to live.
    expires_in_seconds: Optional[int]

    def json(self) -> Any:
        """The value as JSON."""
        return _json.loads(self.value)


class Namespace:
    """A namespace of records. It exists with its first record."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> Optional[Entry]:
        """Reads a record."""
        found = _call(lambda: _kv.get(self.name, key))
        return _entry(found) if found is not None else None

    def put(
        self,
        key: str,
        value: Union[bytes, str, Any],
        *,
        if_revision: Optional[int] = None,
        ttl_seconds: Optional[int] = None,
        metadata: bytes = b"",
    ) -> int:
        """Writes a record and returns its revision: bytes as they are, a string as UTF-8, other
        values as JSON. With `if_revision`, `Conflict` if the record is at another one; 0 stands for
        no record."""
        if isinstance(value, str):
            value = value.encode()
        elif not isinstance(value, bytes):
            value = _json.dumps(value).encode()
        options = _kv.PutOptions(if_revision, ttl_seconds, metadata)
        return _call(lambda: _kv.put(self.name, key, value, options))

    def delete(self, key: str, *, if_revision: Optional[int] = None) -> bool:
        """Deletes a record; true if it existed."""
        return _call(lambda: _kv.delete(self.name, key, if_revision))

    def list(
        self, prefix: str = "", *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> Tuple[List[Entry], Optional[str]]:
        """Lists records with a prefix, and returns the cursor of the next ones."""
        page = _call(lambda: _kv.list_entries(self.name, _kv.ListOptions(prefix, limit, cursor)))
        return [_entry(entry) for entry in page.entries], page.next_cursor


def _entry(found: Any) -> Entry:
    return Entry(found.key, bytes(found.value), bytes(found.metadata), found.revision, found.expires_in_seconds)


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except Err as raised:
        error = raised.value
    if isinstance(error, _kv.Error_Denied):
        raise Denied(error.value)
    if isinstance(error, _kv.Error_InvalidInput):
        raise Invalid(error.value)
    if isinstance(error, _kv.Error_Conflict):
        raise Conflict(f"the record is at revision {error.value}", error.value)
    if isinstance(error, _kv.Error_QuotaExceeded):
        raise StorageFull(error.value)
    if isinstance(error, _kv.Error_Unavailable):
        raise Unavailable("record storage did not respond in time")
    raise RuntimeError(error.value)
