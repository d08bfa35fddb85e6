// `structuredClone` (HTML Standard, 2.7).

import { DOMException } from "alga:web/events";

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function structuredClone(value, options = {}) {
  if (options.transfer?.length > 0) throw new DOMException("transfers are not supported", "DataCloneError");
  return copy(value, new Map());
}

function copy(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") throw new DOMException(`a ${typeof value} cannot be cloned`, "DataCloneError");
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const remember = (clone) => (seen.set(value, clone), clone);
  if (value instanceof Date) return remember(new Date(value.getTime()));
  if (value instanceof RegExp) return remember(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return remember(value.slice());
  if (ArrayBuffer.isView(value)) return remember(view(value, copy(value.buffer, seen)));
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return remember(Object(value.valueOf()));
  if (value instanceof Map) {
    const clone = remember(new Map());
    for (const [key, item] of [...value]) clone.set(copy(key, seen), copy(item, seen));
    return clone;
  }
  if (value instanceof Set) {
    const clone = remember(new Set());
    for (const item of [...value]) clone.add(copy(item, seen));
    return clone;
  }
  if (value instanceof Error) return remember(error(value, seen));
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    throw new DOMException("this object cannot be cloned", "DataCloneError");
  }
  const clone = remember(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) {
    Object.defineProperty(clone, key, { value: copy(value[key], seen), configurable: true, enumerable: true, writable: true });
  }
  return clone;
}

function view(of, buffer) {
  if (of instanceof DataView) return new DataView(buffer, of.byteOffset, of.byteLength);
  return new of.constructor(buffer, of.byteOffset, of.length);
}

function error(of, seen) {
  const clone = Object.create((ERRORS[of.name] ?? Error).prototype);
  const own = { message: String(of.message), stack: of.stack };
  if (Object.hasOwn(of, "cause")) own.cause = copy(of.cause, seen);
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(clone, key, { value, configurable: true, enumerable: false, writable: true });
  }
  return clone;
}
