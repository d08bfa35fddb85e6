// Requests and responses (Fetch Standard, 5.3 and 5.5).

import { AbortController, AbortSignal } from "alga:web/abort";
import { Body, extracted, SOURCE } from "alga:web/body";
import { encode } from "alga:web/encoding";
import { Headers } from "alga:web/headers";
import { URL } from "alga:web/url";

const NORMALIZED = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NO_BODY = new Set([101, 103, 204, 205, 304]);
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);

function methodOf(name) {
  const text = String(name);
  const upper = text.toUpperCase();
  if (!METHOD.test(text) || FORBIDDEN.has(upper)) throw new TypeError(`\`${text}\` is not a valid method`);
  return NORMALIZED.has(upper) ? upper : text;
}

function sourceOf(init, from) {
  if (Object.hasOwn(init, SOURCE)) return [init[SOURCE], null];
  if (init.body !== undefined) return extracted(init.body);
  return [from === null ? null : from.copied(), null];
}

export class Request extends Body {
  #method;
  #url;
  #headers;
  #signal;
  #redirect;
  constructor(input, init = {}) {
    const from = input instanceof Request ? input : null;
    const method = methodOf(init.method ?? from?.method ?? "GET");
    const [source, type] = sourceOf(init, from);
    if (source !== null && (method === "GET" || method === "HEAD")) throw new TypeError(`a request with ${method} has no body`);
    super(source);
    this.#method = method;
    this.#url = from?.url ?? new URL(input).href;
    this.#headers = new Headers(init.headers ?? from?.headers);
    if (type !== null && !this.#headers.has("content-type")) this.#headers.set("content-type", type);
    this.#signal = init.signal ?? from?.signal ?? null;
    if (this.#signal !== null && !(this.#signal instanceof AbortSignal)) throw new TypeError("the signal is not an AbortSignal");
    this.#redirect = init.redirect ?? from?.redirect ?? "manual";
  }
  get method() {
    return this.#method;
  }
  get url() {
    return this.#url;
  }
  get headers() {
    return this.#headers;
  }
  get signal() {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }
  get redirect() {
    return this.#redirect;
  }
  clone() {
    return new Request(this);
  }
}

export class Response extends Body {
  #status;
  #statusText;
  #headers;
  #url;
  #type = "default";
  constructor(body = null, init = {}) {
    const status = init.status === undefined ? 200 : Number(init.status);
    if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError(`${init.status} is not a status from 200 to 599`);
    const [source, type] = extracted(body);
    if (source !== null && NO_BODY.has(status)) throw new TypeError(`a response with the status ${status} has no body`);
    super(source);
    this.#status = status;
    this.#statusText = String(init.statusText ?? "");
    this.#headers = new Headers(init.headers);
    if (type !== null && !this.#headers.has("content-type")) this.#headers.set("content-type", type);
    this.#url = "";
  }
  static json(value, init = {}) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("the value has no JSON");
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(encode(text), { ...init, headers });
  }
  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`${status} is not the status of a redirect`);
    return new Response(null, { status, headers: { location: String(url) } });
  }
  static error() {
    const response = new Response();
    response.#status = 0;
    response.#type = "error";
    return response;
  }
  /** Makes the response of a request from what the host has received. */
  static received(key, status, headers, source, url) {
    if (key !== RECEIVED) throw new TypeError("Response.received is not a function");
    const response = new Response(NO_BODY.has(status) ? null : source, { headers });
    response.#status = status;
    response.#url = url;
    return response;
  }
  get status() {
    return this.#status;
  }
  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }
  get statusText() {
    return this.#statusText;
  }
  get headers() {
    return this.#headers;
  }
  get url() {
    return this.#url;
  }
  get type() {
    return this.#type;
  }
  get redirected() {
    return false;
  }
  clone() {
    const { status, statusText, headers } = this;
    return new Response(this.copied(), { status, statusText, headers });
  }
}

const RECEIVED = Symbol("received");
const { received } = Response;
delete Response.received;

export function receivedResponse(status, headers, source, url) {
  return received.call(Response, RECEIVED, status, headers, source, url);
}
