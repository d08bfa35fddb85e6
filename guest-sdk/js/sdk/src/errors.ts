/** Error with the HTTP response that a client receives: `{ error, message }`. */
export class HttpError extends Error {
  /** Status of the response. */
  readonly status: number;
  /** Stable code of the response. */
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
  }
}

/** Malformed request for this endpoint (400). */
export class BadRequest extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(400, "bad_request", message, options);
  }
}

/** Action that the extension, its install or the user is not permitted to do (403). The text is logged, not sent. */
export class Denied extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(403, "denied", message, options);
  }
}

/** Requested item that does not exist (404). */
export class NotFound extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(404, "not_found", message, options);
  }
}

/** Item that was modified concurrently, or already exists (409). */
export class Conflict extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(409, "conflict", message, options);
  }
}

/** Body that is larger than this endpoint accepts (413). */
export class TooLarge extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(413, "too_large", message, options);
  }
}

/** Well-formed request with a field that violates a rule (422). */
export class Invalid extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(422, "invalid", message, options);
  }
}

/** Service that did not respond in time (503). A retry may succeed. */
export class Unavailable extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(503, "unavailable", message, options);
  }
}

/** Storage quota or write rate of the install exceeded (507). */
export class StorageFull extends HttpError {
  constructor(message: string, options?: ErrorOptions) {
    super(507, "storage_full", message, options);
  }
}

/** Returns whether an error is one of the host, and has this code if one is given. */
export function isHostError(error: unknown, code?: string): error is AlgaHostError {
  const isError = error instanceof Error && error.name === "HostError" && "code" in error;
  return isError && (code === undefined || error.code === code);
}

type Constructor = new (message: string, options?: ErrorOptions) => HttpError;

const OF_HOST: Record<string, Constructor> = {
  conflict: Conflict,
  denied: Denied,
  "invalid-input": Invalid,
  missing: NotFound,
  "not-found": NotFound,
  "quota-exceeded": StorageFull,
  "too-large": TooLarge,
  unavailable: Unavailable,
  undeclared: Denied,
};

/** Returns the HTTP error of whatever a handler has thrown; `undefined` for a bug of the extension. */
export function httpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (!isHostError(error) || !Object.hasOwn(OF_HOST, error.code)) return undefined;
  const constructor = OF_HOST[error.code];
  const text = typeof error.payload === "number" ? `the record is at revision ${error.payload}` : error.message;
  return constructor && new constructor(text, { cause: error });
}
