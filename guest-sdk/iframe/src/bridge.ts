import {
  type Bootstrap,
  type Envelope,
  type ProxyCall,
  type ProxyReply,
  type Session,
  type ThemeTokens,
  BODY_BYTES,
  HEIGHTS,
  NONCE,
  envelope,
  fromBase64,
  isRecord,
  isTexts,
  parse,
  toBase64,
} from "./protocol.js";
import { applyTheme } from "./theme.js";

/** Options of a call. */
export interface CallOptions {
  /** Cancels the call. */
  signal?: AbortSignal;
  /** Time for the response in milliseconds; 30 000 unless given. */
  timeout?: number;
}

/** Options of `bridge.fetch`: those of `fetch` that a call can have, and a timeout. */
export interface FetchOptions extends CallOptions {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
}

/** Error of a call that has no response. `code` is stable. */
export class BridgeError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "BridgeError";
  }
}

type Handler = (payload: unknown) => void;

interface Pending {
  resolve(reply: ProxyReply): void;
  reject(error: unknown): void;
}

const TIMEOUT = 30_000;

/** Connection of this page with the host application. */
export class IframeBridge {
  #port: MessagePort;
  #handlers = new Map<string, Set<Handler>>();
  #pending = new Map<string, Pending>();
  #next = 0;
  #bootstrap: Promise<Bootstrap>;
  #session: Session | undefined;
  #tokens: ThemeTokens = {};

  /** Calls of routes by the name that extensions of AlgaPSA use. */
  readonly uiProxy: { call(route: string, payload?: Uint8Array | null): Promise<Uint8Array> };

  /** Connects with `parent`; a page needs one bridge. */
  constructor(parent: Window = window.parent) {
    const channel = new MessageChannel();
    this.#port = channel.port1;
    this.#bootstrap = new Promise((resolve) => {
      const begin = (payload: unknown): void => {
        if (!isBootstrap(payload)) return;
        this.#session = payload.session;
        this.#show(payload.theme_tokens);
        resolve(payload);
      };
      this.on("bootstrap", begin);
    });
    this.on("theme", (tokens) => this.#show(tokens));
    this.on("theme_tokens", (tokens) => this.#show(tokens));
    this.on("session", (session) => {
      if (isSession(session)) this.#session = session;
    });
    this.#port.onmessage = (event) => this.#receive(event.data);
    this.uiProxy = {
      call: async (route, payload) => {
        const response = await this.fetch(route, payload ? { method: "POST", body: payload as BodyInit } : {});
        if (!response.ok) throw new BridgeError("http_error", `the route responded with ${response.status}`);
        return new Uint8Array(await response.arrayBuffer());
      },
    };
    const ready = envelope("ready", { nonce: takeNonce() });
    // The parent's origin is not known here, and the message has nothing for it alone.
    parent.postMessage(ready, "*", [channel.port2]);
    explainBlockedRequests();
  }

  /** Resolves when the host has accepted this page. */
  ready(): Promise<Bootstrap> {
    return this.#bootstrap;
  }

  /** Calls `handler` with the payload of each message of this type; returns a function that stops it. */
  on(type: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** Sends a message to the host. */
  emitToHost(type: string, payload: unknown): void {
    this.#port.postMessage(envelope(type, payload));
  }

  /** Returns the host's CSS variables as they are now. */
  getThemeTokens(): ThemeTokens {
    return this.#tokens;
  }

  /** Returns the user's credential as it is now; the host sends a new one before it expires. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Asks the host to show this path of the extension in its address bar. */
  navigate(path: string): void {
    this.emitToHost("navigate", { path });
  }

  /** Asks for a height of the frame in CSS pixels. */
  resize(height: number): void {
    const within = Math.min(Math.max(Math.ceil(height), HEIGHTS.least), HEIGHTS.most);
    this.emitToHost("resize", { height: within });
  }

  /** Makes the frame as high as the page's content from now on; returns a function that stops it. */
  autoResize(element: Element = document.documentElement): () => void {
    const observer = new ResizeObserver(() => this.resize(element.getBoundingClientRect().height));
    observer.observe(element);
    return () => observer.disconnect();
  }

  /**
   * Calls one of the extension's own endpoints, `bridge.fetch("/agreements")`, like `fetch`.
   *
   * Throws `BridgeError` if there is no response, and the signal's reason if it was aborted.
   */
  async fetch(route: string, options: FetchOptions = {}): Promise<Response> {
    const request = new Request("http://extension.invalid/", {
      method: options.method ?? "GET",
      headers: options.headers ?? {},
      ...(options.body == null ? {} : { body: options.body, duplex: "half" }),
    } as RequestInit);
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.length > BODY_BYTES) throw new BridgeError("payload_too_large", `a body has at most ${BODY_BYTES} bytes`);
    const call: ProxyCall = {
      route,
      method: request.method,
      headers: Object.fromEntries(request.headers),
      ...(bytes.length === 0 ? {} : { body: toBase64(bytes) }),
    };
    const reply = await this.callProxy(call, options);
    const body = fromBase64(reply.body ?? "");
    const isBare = reply.status === 204 || reply.status === 205 || reply.status === 304;
    return new Response(isBare ? null : (body ?? null), { status: reply.status, headers: reply.headers });
  }

  /** Sends a call as the protocol defines it; bodies are in base64. */
  callProxy(call: ProxyCall, options: CallOptions = {}): Promise<ProxyReply> {
    const { signal, timeout = TIMEOUT } = options;
    const id = `c${(this.#next += 1)}`;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = (reason: unknown): void => {
        this.#port.postMessage(envelope("apiproxy_abort", {}, id));
        settle(() => reject(reason));
      };
      const abort = (): void => cancel(signal?.reason);
      const timer = setTimeout(() => cancel(new BridgeError("timeout", `no response within ${timeout} ms`)), timeout);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#pending.delete(id);
        finish();
      };
      signal?.addEventListener("abort", abort);
      this.#pending.set(id, {
        resolve: (reply) => settle(() => resolve(reply)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#port.postMessage(envelope("apiproxy", call, id));
    });
  }

  #receive(data: unknown): void {
    const message = parse(data);
    if (message === undefined) return;
    if (message.type === "apiproxy_response") this.#settle(message);
    this.#handlers.get(message.type)?.forEach((handler) => handler(message.payload));
  }

  #settle({ request_id: id, payload }: Envelope): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending === undefined || !isRecord(payload)) return;
    const { error } = payload;
    if (isRecord(error)) {
      pending.reject(new BridgeError(String(error.code), String(error.message)));
    } else {
      pending.resolve(payload as unknown as ProxyReply);
    }
  }

  #show(tokens: unknown): void {
    if (!isTexts(tokens)) return;
    this.#tokens = tokens;
    applyTheme(tokens);
  }
}

function isSession(value: unknown): value is Session {
  return isRecord(value) && typeof value.token === "string" && typeof value.expires_at === "number";
}

function isBootstrap(value: unknown): value is Bootstrap {
  return isRecord(value) && isSession(value.session) && isTexts(value.theme_tokens) && isRecord(value.extension);
}

/** Returns the nonce of this page's URL and removes it, so that the page's own routes do not see it. */
function takeNonce(): string {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const nonce = fragment.get(NONCE) ?? "";
  fragment.delete(NONCE);
  const rest = fragment.toString();
  try {
    history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  } catch {
    // A page without a URL of its own has no routes either.
  }
  return nonce;
}

/** The page's policy blocks requests of its own; the browser's message does not say what to do. */
function explainBlockedRequests(): void {
  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.effectiveDirective !== "connect-src") return;
    console.error(
      `${event.blockedURI} was blocked: the page of an extension connects to nothing. ` +
        'Call the extension\'s own endpoints with `bridge.fetch("/path")`.',
    );
  });
}
