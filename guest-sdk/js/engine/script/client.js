// `fetch` (Fetch Standard, 5.6). The host decides which destinations an extension reaches.

import { closeResponse, isExecuting, readResponse, startFetch } from "alga:native";
import { SOURCE } from "alga:web/body";
import { FIELDS, fromHost } from "alga:web/headers";
import { joined, bytesOf } from "alga:web/encoding";
import { receivedResponse, Request } from "alga:web/messages";
import { ReadableStream } from "alga:web/streams";

/** Fields that the host writes itself. */
const OWN = new Set(["connection", "content-length", "host", "transfer-encoding"]);

/**
 * Sends a request. Beyond the standard, `init.secrets` has secrets that the host writes into it, and
 * `init.timeout` the milliseconds for connecting, and again for the first byte of the response.
 * Redirects are returned and not followed.
 */
export async function fetch(input, init = {}) {
  if (!isExecuting()) throw new Error("fetch was called while the extension was built\nhint: call it in the handler");
  const request = new Request(input, init);
  const { signal } = request;
  signal?.throwIfAborted();
  if (request.redirect === "follow") throw new TypeError('redirects are not followed; use `redirect: "manual"`');
  const sent = {
    method: request.method,
    url: request.url,
    headers: request.headers[FIELDS].filter(([name]) => !OWN.has(name)),
    body: await whole(request),
    timeout: init.timeout,
    secrets: (init.secrets ?? []).map(attachment),
  };
  // The signal may have been aborted while the body was read.
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers();
  const id = startFetch(sent, resolve, reject);
  signal?.addEventListener("abort", () => (closeResponse(id), reject(signal.reason)), { once: true });
  const { status, headers } = await promise;
  if (request.redirect === "error" && status >= 300 && status <= 399 && status !== 304) {
    closeResponse(id);
    throw new TypeError(`the response is a redirect (${status})`);
  }
  return receivedResponse(status, fromHost(headers), bodyOf(id, signal), request.url);
}

/** Accepts `{ secret, placement, name }`, where the secret may be what `secrets.open` returns. */
function attachment({ secret, placement = "bearer", name }) {
  return { secret: typeof secret === "string" ? secret : secret.name, placement, name };
}

async function whole(request) {
  const source = request[SOURCE]();
  if (!(source instanceof ReadableStream)) return source ?? undefined;
  const chunks = [];
  for await (const chunk of source) chunks.push(bytesOf(chunk));
  return joined(chunks);
}

function bodyOf(id, signal) {
  return new ReadableStream({
    pull(controller) {
      signal?.throwIfAborted();
      const chunk = readResponse(id);
      if (chunk !== undefined) return controller.enqueue(chunk);
      closeResponse(id);
      controller.close();
    },
    cancel: () => closeResponse(id),
  });
}
