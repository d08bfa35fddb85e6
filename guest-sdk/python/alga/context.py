"""Identity, configuration and remaining time of this execution (`cap:context.read`, which every
install has)."""

from typing import Dict, Optional

try:
    from wit_world.imports import execution
except ImportError as error:
    raise ImportError('alga.context needs "cap:context.read" in the capabilities of manifest.json') from error

#: The identities of this execution: `request_id`, `tenant_id`, `extension_id`, …
current = execution.current


def config(key: str) -> Optional[str]:
    """The value of a configuration key of this install, if it is set."""
    return execution.config(key)


def all_config() -> Dict[str, str]:
    """All configuration of this install, ordered by key."""
    return dict(execution.all_config())


def remaining_ms() -> int:
    """The milliseconds until the host ends this execution."""
    return execution.remaining_ms()
