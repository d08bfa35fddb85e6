"""Errors of a handler, each with its HTTP status, as those of the SDK for Rust."""


class HttpError(Exception):
    """An error that the client receives as `{"error": code, "message": text}`."""

    status = 500
    code = "internal"
    #: True if the text is for the log alone.
    is_secret = False


class BadRequest(HttpError):
    """Malformed request for this endpoint."""

    status, code = 400, "bad_request"


class Denied(HttpError):
    """Action that the extension, its install or the user is not permitted to do. The text names the
    line to add; it is logged and not sent to the client."""

    status, code, is_secret = 403, "denied", True


class NotFound(HttpError):
    """Requested item that does not exist."""

    status, code = 404, "not_found"


class Conflict(HttpError):
    """Item that was modified concurrently, or already exists."""

    status, code = 409, "conflict"

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        #: The current revision of a record; 0 if there is no such record.
        self.revision = revision


class TooLarge(HttpError):
    """Body that is larger than this endpoint accepts."""

    status, code = 413, "too_large"


class Invalid(HttpError):
    """Well-formed request with a field that violates a rule."""

    status, code = 422, "invalid"


class Unavailable(HttpError):
    """Service that did not respond in time. A retry may succeed."""

    status, code = 503, "unavailable"


class StorageFull(HttpError):
    """Storage quota or write rate of the install exceeded."""

    status, code = 507, "storage_full"
