// UTF-8 as text and bytes (Encoding Standard), the only encoding.

import { decodeUtf8, encodeUtf8 } from "alga:native";

const LABELS = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);
const MARK = [0xef, 0xbb, 0xbf];

export function encode(text) {
  return encodeUtf8(String(text).toWellFormed());
}

/** Returns the bytes of a buffer or of a view of one, without a copy. */
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  throw new TypeError("bytes must be an ArrayBuffer or a view of one");
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    return encode(text);
  }
  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of String(text).toWellFormed()) {
      const bytes = encodeUtf8(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

export class TextDecoder {
  #fatal;
  #ignoreBOM;
  #rest = new Uint8Array();
  #isBegun = false;
  constructor(label = "utf-8", options = {}) {
    if (!LABELS.has(String(label).trim().toLowerCase())) throw new RangeError(`the encoding ${label} is not supported; use utf-8`);
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }
  get encoding() {
    return "utf-8";
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(source = new Uint8Array(), options = {}) {
    let bytes = bytesOf(source);
    if (this.#rest.length > 0) bytes = joined([this.#rest, bytes]);
    const end = options.stream ? complete(bytes) : bytes.length;
    this.#rest = bytes.slice(end);
    bytes = bytes.subarray(0, end);
    if (!this.#isBegun && !this.#ignoreBOM && MARK.every((byte, index) => bytes[index] === byte)) bytes = bytes.subarray(3);
    this.#isBegun = Boolean(options.stream) && (this.#isBegun || end > 0);
    return decodeUtf8(bytes, this.#fatal);
  }
}

/** Returns the length without an unfinished character at the end. */
function complete(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) break;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

export function joined(chunks) {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
