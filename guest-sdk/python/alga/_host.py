"""Calls of the host, whose errors become those of `alga.errors`."""

from typing import Any, Callable, Dict, Type, TypeVar

from componentize_py_types import Err

from alga.errors import Denied, HttpError, Invalid, NotFound, Unavailable

T = TypeVar("T")

_ERRORS: Dict[str, Type[HttpError]] = {
    "Denied": Denied,
    "InvalidInput": Invalid,
    "Missing": NotFound,
    "NotFound": NotFound,
    "Unavailable": Unavailable,
    "Undeclared": Denied,
}


def call(function: Callable[[], T], unavailable: str) -> T:
    """Calls the host. `unavailable` is the text of an error that has none."""
    try:
        return function()
    except Err as raised:
        error: Any = raised.value
    # The bindings name the classes of a variant `Error_<Case>`.
    case = type(error).__name__.rpartition("_")[2]
    text = getattr(error, "value", unavailable)
    if case in _ERRORS:
        raise _ERRORS[case](text)
    raise RuntimeError(text)
