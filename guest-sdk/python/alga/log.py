"""Writes records into the log of this execution (`cap:log.emit`, which every install has)."""

from componentize_py_types import Err
try:
    from wit_world.imports import logger
except ImportError as error:
    raise ImportError('alga.log needs "cap:log.emit" in the capabilities of manifest.json') from error


def debug(message: str, **fields: object) -> None:
    """Logs a message for troubleshooting."""
    _emit(logger.Level.DEBUG, message, fields)


def info(message: str, **fields: object) -> None:
    """Logs a message about normal operation."""
    _emit(logger.Level.INFO, message, fields)


def warn(message: str, **fields: object) -> None:
    """Logs a potential problem that has not caused a failure yet."""
    _emit(logger.Level.WARN, message, fields)


def error(message: str, **fields: object) -> None:
    """Logs a failed request or operation."""
    _emit(logger.Level.ERROR, message, fields)


def _emit(level: logger.Level, message: str, fields: dict) -> None:
    """Ignores errors: a full log must not fail the work that it describes."""
    try:
        logger.emit(level, message, [logger.Field(name, str(value)) for name, value in fields.items()])
    except Err:
        pass
