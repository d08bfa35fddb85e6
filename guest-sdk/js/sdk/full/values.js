/** Values and errors of the full engine's bindings, as those of the compact engine. */

/** Calls the host: integers of 64 bits become numbers, and an error of the interface becomes a `HostError`. */
export function hosted(module, call) {
  try {
    return narrow(call());
  } catch (error) {
    throw hostError(module, error);
  }
}

/** Returns an integer of 64 bits for the host. */
export function wide(value) {
  return BigInt(whole(value, Number.MAX_SAFE_INTEGER));
}

/** Returns an integer for the host; one that is too large, or no integer, is an error. */
export function whole(value, largest) {
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw new RangeError(`an integer is from 0 to ${largest}, not ${value}`);
  }
  return value;
}

/** Returns bytes for the host; absent ones are none. */
export function bytes(value) {
  if (value === undefined || value === null) return new Uint8Array();
  if (!(value instanceof Uint8Array)) throw new TypeError(`bytes are a Uint8Array, not ${typeof value}`);
  return value;
}

function narrow(value) {
  if (typeof value === "bigint") {
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is not a number`);
    return Number(value);
  }
  if (Array.isArray(value)) return value.map(narrow);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  // An absent option is an absent field.
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, narrow(field)]));
}

class HostError extends Error {
  constructor(module, code, payload) {
    super(typeof payload === "string" ? payload : `${module}: ${code}`);
    this.name = "HostError";
    this.code = code;
    if (payload !== undefined) this.payload = payload;
  }
}

/** Returns the error of a call; one that is not of the interface, such as a wrong type, is left as it is. */
function hostError(module, error) {
  const value = error?.payload;
  if (typeof value === "string") return new HostError(module, value);
  if (typeof value?.tag === "string") return new HostError(module, value.tag, narrow(value.val));
  return error;
}
