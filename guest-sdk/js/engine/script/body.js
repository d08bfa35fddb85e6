// Bodies of requests and responses (Fetch Standard, 5.2).

import { bytesOf, encode, joined, TextDecoder } from "alga:web/encoding";
import { DISTURBED, ReadableStream } from "alga:web/streams";
import { URLSearchParams } from "alga:web/url";

/** Gives the dispatcher a body as it is sent. */
export const SOURCE = Symbol("source");

/** Returns a body's source and its media type: bytes, or something that yields them. */
export function extracted(body) {
  if (body === null || body === undefined) return [null, null];
  if (typeof body === "string") return [encode(body), "text/plain;charset=UTF-8"];
  if (body instanceof URLSearchParams) return [encode(body.toString()), "application/x-www-form-urlencoded;charset=UTF-8"];
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return [bytesOf(body).slice(), null];
  if (body instanceof ReadableStream) return [body, null];
  if (typeof body === "object" && (body[Symbol.asyncIterator] || body[Symbol.iterator])) return [ReadableStream.from(body), null];
  return [encode(String(body)), "text/plain;charset=UTF-8"];
}

export class Body {
  /** Bytes, a stream, a function that reads all bytes, or null. */
  #source;
  #stream;
  #isUsed = false;
  constructor(source) {
    this.#source = source;
  }
  get bodyUsed() {
    return this.#isUsed || Boolean(this.#stream?.locked || this.#stream?.[DISTURBED]);
  }
  get body() {
    if (this.#source === null) return null;
    this.#stream ??= this.#source instanceof ReadableStream ? this.#source : ReadableStream.from(lazily(this.#source));
    return this.#stream;
  }
  /** Returns what is to be sent, and marks it as used. */
  [SOURCE]() {
    if (this.bodyUsed) throw new TypeError("the body was already used");
    this.#isUsed = this.#source !== null;
    if (this.#stream !== undefined) return this.#stream;
    return typeof this.#source === "function" ? this.#source() : this.#source;
  }
  async bytes() {
    const source = this[SOURCE]();
    if (source === null) return new Uint8Array();
    if (!(source instanceof ReadableStream)) return source;
    const chunks = [];
    for await (const chunk of source) chunks.push(bytesOf(chunk));
    return chunks.length === 1 ? chunks[0] : joined(chunks);
  }
  async arrayBuffer() {
    const bytes = await this.bytes();
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }
  async text() {
    return new TextDecoder().decode(await this.bytes());
  }
  async json() {
    return JSON.parse(await this.text());
  }
  async formData() {
    throw new TypeError("forms are not supported; use `new URLSearchParams(await request.text())`");
  }
  /** Returns the source for a copy; a stream has no copy. */
  copied() {
    if (this.bodyUsed) throw new TypeError("the body was already used");
    if (this.#source instanceof ReadableStream || this.#stream !== undefined) throw new TypeError("a body that is a stream cannot be cloned");
    if (typeof this.#source === "function") this.#source = this.#source();
    return this.#source;
  }
}

function* lazily(source) {
  const bytes = typeof source === "function" ? source() : source;
  if (bytes.length > 0) yield bytes;
}
