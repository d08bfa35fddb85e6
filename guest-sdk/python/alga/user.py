"""The user on whose behalf this execution happens (`cap:user.read`, which every install has)."""

try:
    from wit_world.imports import identity as _identity
except ImportError as error:
    raise ImportError('alga.user needs "cap:user.read" in the capabilities of manifest.json') from error

#: Returns the user; none if a schedule or an event started the extension.
current = _identity.current
