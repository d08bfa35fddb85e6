"""Counters, gauges and histograms (`cap:metrics.emit`, which every install has). The manifest declares them.

    metrics.add("agreements_created", kind="support")
"""

try:
    from wit_world.imports import meter as _meter
except ImportError as error:
    raise ImportError('alga.metrics needs "cap:metrics.emit" in the capabilities of manifest.json') from error

from typing import Dict, List

from alga._host import call

_UNAVAILABLE = "the metric was not recorded"


def add(name: str, amount: float = 1.0, **labels: str) -> None:
    """Adds an amount to a counter."""
    call(lambda: _meter.add(name, amount, _list(labels)), _UNAVAILABLE)


def set(name: str, value: float, **labels: str) -> None:
    """Sets the value of a gauge."""
    call(lambda: _meter.set(name, value, _list(labels)), _UNAVAILABLE)


def observe(name: str, value: float, **labels: str) -> None:
    """Records a value in a histogram."""
    call(lambda: _meter.observe(name, value, _list(labels)), _UNAVAILABLE)


def _list(labels: Dict[str, str]) -> List[_meter.Label]:
    return [_meter.Label(key, value) for key, value in labels.items()]
