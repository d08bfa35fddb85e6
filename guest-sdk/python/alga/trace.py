"""Spans and attributes in the trace of this execution (`cap:trace.emit`, which every install has).

    trace.set(order="o-17")
    with trace.span("price the order") as span:
        span.set(lines=3)
"""

from componentize_py_types import Err
try:
    from wit_world.imports import tracer as _tracer
except ImportError as error:
    raise ImportError('alga.trace needs "cap:trace.emit" in the capabilities of manifest.json') from error

from typing import Callable, List, Optional, TypeVar

T = TypeVar("T")


class Span:
    """A span in progress. It ends with its `with` block, and has failed if that raises an exception."""

    def __init__(self, name: str, parent: Optional["Span"] = None) -> None:
        inside = parent._number if parent else None
        self._number: Optional[int] = _accepted(lambda: _tracer.begin(name, inside))

    def set(self, **attributes: object) -> None:
        """Sets attributes."""
        if self._number is not None:
            _accepted(lambda: _tracer.annotate(self._number, _list(attributes)))

    def end(self, failure: Optional[object] = None) -> None:
        """Ends the span. It has failed if a reason is given."""
        number, self._number = self._number, None
        if number is not None:
            _accepted(lambda: _tracer.end(number, None if failure is None else str(failure)))

    def __enter__(self) -> "Span":
        return self

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        self.end(None if error is None else repr(error))


def span(name: str, parent: Optional[Span] = None) -> Span:
    """Begins a span inside another one, or else inside the innermost one that is in progress."""
    return Span(name, parent)


def set(**attributes: object) -> None:
    """Sets attributes of the execution's own span."""
    _accepted(lambda: _tracer.annotate(None, _list(attributes)))


def traceparent() -> Optional[str]:
    """Returns the innermost span in progress as the field `traceparent` names it, if the execution is traced."""
    return _tracer.traceparent()


def _list(attributes: dict) -> List[_tracer.Attribute]:
    return [_tracer.Attribute(name, str(value)) for name, value in attributes.items()]


def _accepted(call: Callable[[], T]) -> Optional[T]:
    """Ignores errors: a full trace must not fail the work that it describes."""
    try:
        return call()
    except Err:
        return None
