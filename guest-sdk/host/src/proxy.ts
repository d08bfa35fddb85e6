import {
  type ProxyCall,
  type ProxyReply,
  BODY_BYTES,
  fromBase64,
  isRecord,
  isTexts,
  toBase64,
} from "../../iframe/src/protocol.js";

/** Where and as whom calls are made. */
export interface ProxyTarget {
  /** URL of the gateway's `/api/ext-proxy`, such as `https://alga.example.com/api/ext-proxy`. */
  readonly gateway: string;
  /** Name or id of the extension. */
  readonly extension: string;
  /** Returns the user's token for the gateway. */
  token(): Promise<string | undefined>;
  /** Sends requests; the browser's `fetch` unless given. */
  readonly fetch?: typeof fetch;
}

/** Concurrent calls of one frame. */
export const CALLS = 8;
/** Time for a call in milliseconds: longer than any endpoint has. */
const TIMEOUT = 60_000;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** Header fields that a page may set; the gateway has a list of its own. */
const FIELDS =
  /^(accept|accept-language|content-language|content-type|if-(none-)?match|if-(un)?modified-since|prefer|range|x-idempotency-key|x-ext-[\w-]+)$/;

/** A refusal that the page is told. */
class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Returns the path of one of the extension's own endpoints, or nothing for a route that could lead
 * elsewhere: another origin, another extension, a segment that some software reads in two ways.
 */
export function ownPath(route: string): string | undefined {
  if (route.length > 4096 || !route.startsWith("/") || /[\\\u0000-\u0020\u007f]/.test(route)) return undefined;
  const path = route.split(/[?#]/, 1)[0] ?? "";
  const isAmbiguous = /%(2f|5c|00|25)/i.test(path) || path.includes("//");
  const hasDots = path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
  if (isAmbiguous || hasDots) return undefined;
  const url = new URL(route, "http://extension.invalid");
  return url.origin === "http://extension.invalid" ? url.pathname + url.search : undefined;
}

/** Calls of one frame in progress. */
export class Proxy {
  #calls = new Map<string, AbortController>();

  constructor(private readonly target: ProxyTarget) {}

  /** Makes a call and returns its response or its refusal; it never throws. */
  async call(id: string, payload: unknown): Promise<ProxyReply> {
    const controller = new AbortController();
    try {
      if (this.#calls.has(id)) throw new Refused("bad_request", "another call with this id is in progress");
      if (this.#calls.size >= CALLS) throw new Refused("too_many_calls", `at most ${CALLS} calls at once`);
      this.#calls.set(id, controller);
    } catch (error) {
      return refusal(error);
    }
    const timer = setTimeout(() => controller.abort(new Refused("timeout", "no response in time")), TIMEOUT);
    try {
      return await this.#send(payload, controller.signal);
    } catch (error) {
      return refusal(controller.signal.reason ?? error);
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /** Cancels a call of the page. */
  abort(id: string): void {
    this.#calls.get(id)?.abort(new Refused("aborted", "the page cancelled the call"));
  }

  /** Cancels all calls; the frame was removed. */
  close(): void {
    for (const id of this.#calls.keys()) this.abort(id);
  }

  async #send(payload: unknown, signal: AbortSignal): Promise<ProxyReply> {
    const { path, ...init } = read(payload);
    const token = await this.target.token();
    const extension = encodeURIComponent(this.target.extension);
    const headers = { ...init.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const send = this.target.fetch ?? fetch;
    const response = await send(`${this.target.gateway}/${extension}${path}`, {
      ...init,
      headers,
      signal,
      credentials: "omit",
      redirect: "manual",
      referrerPolicy: "no-referrer",
      cache: "no-store",
    } as RequestInit);
    if (response.type === "opaqueredirect") throw new Refused("redirect", "the endpoint redirects elsewhere");
    const body = await bounded(response);
    return { status: response.status, headers: Object.fromEntries(response.headers), body: toBase64(body) };
  }
}

/** Reads a call, or refuses it. */
function read(payload: unknown): { path: string; method: string; headers: Record<string, string>; body?: BodyInit } {
  if (!isRecord(payload) || typeof payload.route !== "string") throw new Refused("bad_request", "a call has a route");
  const { route, method = "GET", headers = {}, body } = payload as unknown as ProxyCall;
  const path = ownPath(route);
  if (path === undefined) throw new Refused("bad_route", "a route is the path of one of the extension's own endpoints");
  if (typeof method !== "string" || !METHODS.has(method)) throw new Refused("bad_request", "the method is not one of HTTP's");
  if (!isTexts(headers)) throw new Refused("bad_request", "header fields are texts");
  const own = Object.entries(headers).filter(([name]) => FIELDS.test(name.toLowerCase()));
  if (body === undefined) return { path, method, headers: Object.fromEntries(own) };
  const bytes = typeof body === "string" && body.length <= (BODY_BYTES / 3 + 1) * 4 ? fromBase64(body) : undefined;
  if (bytes === undefined || bytes.length > BODY_BYTES) {
    throw new Refused("payload_too_large", `a body has at most ${BODY_BYTES} bytes in base64`);
  }
  return { path, method, headers: Object.fromEntries(own), body: bytes };
}

/** Reads a response until it exceeds the limit. */
async function bounded(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    length += part.value.length;
    if (length > BODY_BYTES) {
      await reader?.cancel();
      throw new Refused("response_too_large", `a response has at most ${BODY_BYTES} bytes`);
    }
    parts.push(part.value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function refusal(error: unknown): ProxyReply {
  const known = error instanceof Refused ? error : new Refused("unreachable", "the extension cannot be reached");
  return { status: 0, headers: {}, error: { code: known.code, message: known.message } };
}
