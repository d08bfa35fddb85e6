// Randomness (Web Cryptography, 10), fresh in every execution.

import { isExecuting, randomBytes } from "alga:native";
import { DOMException } from "alga:web/events";

const LIMIT = 65_536;

export const crypto = {
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array) || array instanceof DataView || array instanceof Float32Array || array instanceof Float64Array) {
      throw new DOMException("getRandomValues needs an array of integers", "TypeMismatchError");
    }
    if (array.byteLength > LIMIT) throw new DOMException(`getRandomValues fills at most ${LIMIT} bytes`, "QuotaExceededError");
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(randomBytes(array.byteLength));
    return array;
  },
  randomUUID() {
    const bytes = randomBytes(16);
    // Version and variant (RFC 9562, 5.4).
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

const POOL_NUMBERS = 32;
let pool = null;
let next = 0;

/** `Math.random`: 53 random bits from the host. A seed in the snapshot would be in every execution. */
export function random() {
  if (!isExecuting()) {
    throw new Error("Math.random was called while the extension was built\nhint: its value would be the same in every execution; call it in the handler");
  }
  if (pool === null || next === POOL_NUMBERS) {
    pool = new BigUint64Array(randomBytes(POOL_NUMBERS * 8).buffer);
    next = 0;
  }
  const bits = pool[next];
  next += 1;
  return Number(bits >> 11n) / 2 ** 53;
}
