// Defines the web's interfaces as globals, and connects an extension with the host.

import { monotonic, requestBody, requestHead, respond, write } from "alga:native";
import { AbortController, AbortSignal } from "alga:web/abort";
import { SOURCE } from "alga:web/body";
import { structuredClone } from "alga:web/clone";
import { console } from "alga:web/console";
import { crypto, random } from "alga:web/crypto";
import { bytesOf, encode, TextDecoder, TextEncoder } from "alga:web/encoding";
import { DOMException, Event, EventTarget } from "alga:web/events";
import { FIELDS, fromHost, Headers } from "alga:web/headers";
import { Request, Response } from "alga:web/messages";
import { ReadableStream } from "alga:web/streams";
import { clearTimeout, setInterval, setTimeout } from "alga:web/timers";
import { URL, URLSearchParams } from "alga:web/url";

const performance = { now: monotonic, timeOrigin: 0 };
const globals = { AbortController, AbortSignal, console, crypto, DOMException, Event, EventTarget, Headers, performance, ReadableStream, Request, Response, setInterval, setTimeout, clearTimeout, clearInterval: clearTimeout, structuredClone, TextDecoder, TextEncoder, URL, URLSearchParams };
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });
}
Object.defineProperty(globalThis, "self", { value: globalThis, configurable: true, enumerable: false, writable: true });
Object.defineProperty(Math, "random", { value: random, configurable: true, enumerable: false, writable: true });

/** Origin of `request.url`: an extension does not know under which name clients reach it. */
const ORIGIN = "http://extension";

let handler;

/** Accepts the exports of an extension. Returns what is wrong with them, if anything is. */
export function connect(exports) {
  const found = exports.default ?? exports.handler;
  handler = typeof found === "object" && typeof found?.fetch === "function" ? found.fetch.bind(found) : found;
  if (typeof handler === "function") return undefined;
  return "the extension has no handler\nhint: write `export default handler(async (request: Request) => new Response(\"Hello\"))`";
}

/** Handles the request of this execution. */
export async function dispatch() {
  const response = await handler(request());
  if (!(response instanceof Response)) {
    throw new TypeError(`the handler has returned ${response === undefined ? "nothing" : "something else"}, not a Response`);
  }
  const source = response[SOURCE]();
  respond(response.status, response.headers[FIELDS]);
  if (source instanceof ReadableStream) await sendStream(source);
  else if (source !== null && source.length > 0) write(source);
}

async function sendStream(stream) {
  for await (const chunk of stream) {
    // False: the client has disconnected.
    if (!write(typeof chunk === "string" ? encode(chunk) : bytesOf(chunk))) return;
  }
}

function request() {
  const [method, target, headers] = requestHead();
  const source = method === "GET" || method === "HEAD" ? null : requestBody;
  // The body is read only when it is used.
  return new Request(ORIGIN + target, { method, headers: fromHost(headers), [SOURCE]: source });
}
