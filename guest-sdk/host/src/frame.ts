import {
  type Bootstrap,
  type Envelope,
  type Session,
  type ThemeTokens,
  HEIGHTS,
  NONCE,
  envelope,
  isRecord,
  parse,
} from "../../iframe/src/protocol.js";
import { FloodGate } from "./flood.js";
import { Proxy } from "./proxy.js";

/** Where a page is. */
export interface PageAddress {
  /** URL of the runners as browsers reach them: `https://ext.example.com`; this origin unless given. */
  readonly base?: string;
  /** Name or id of the extension. */
  readonly extension: string;
  /** Content hash of the installed version, `sha256:…`. */
  readonly contentHash: string;
  /** Path of the extension that the page shows first. */
  readonly path?: string;
}

/** Options of a frame. */
export interface FrameOptions extends PageAddress {
  /** Title of the frame, for users of screen readers. */
  readonly title: string;
  /** What the page is told about its extension. */
  readonly about: Bootstrap["extension"];
  /** URL of the gateway's `/api/ext-proxy`; without it the page can call nothing. */
  readonly gateway?: string;
  /** Returns the user's credential; called again before it expires. */
  session(): Promise<Session>;
  /** CSS variables of the design: `--alga-…`. */
  readonly theme?: ThemeTokens;
  /** Language of the user, such as `en`; the page's own unless given. */
  readonly locale?: string;
  /** The page asks to show this path in the address bar. */
  onNavigate?(path: string): void;
  /** The page asks for this height; the frame has it already. */
  onResize?(height: number): void;
  /** The page is connected. */
  onReady?(): void;
  /** The page was removed, or something about it was refused. */
  onError?(code: string, message: string): void;
}

/** A page that is shown. */
export interface ExtensionFrameHandle {
  readonly element: HTMLIFrameElement;
  /** Sends new CSS variables to the page. */
  setTheme(tokens: ThemeTokens): void;
  /** Sends a message of the host's own to the page. */
  send(type: string, payload: unknown): void;
  /** Removes the page, and cancels its calls. */
  close(): void;
}

/** A frame may send forms to its scripts; it has no origin, opens no window, and leaves this page alone. */
const SANDBOX = "allow-scripts allow-forms";
/** Times that a page may load again by itself before it is removed. */
const RELOADS = 3;
/** Time before a session expires at which the page gets a new one, in milliseconds. */
const REFRESH = 30_000;
/** Longest interval of a timer in browsers, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Returns the URL of a page: `/ext-ui/{extension}/{content hash}/?path=…`. */
export function buildExtUiSrc({ base = "", extension, contentHash, path }: PageAddress): string {
  const query = path === undefined || path === "" ? "" : `?path=${encodeURIComponent(path)}`;
  return `${base.replace(/\/$/, "")}/ext-ui/${encodeURIComponent(extension)}/${contentHash}/${query}`;
}

/** Shows a page in a new frame below `parent` and connects it. */
export function bootstrapIframe(parent: Element, options: FrameOptions): ExtensionFrameHandle {
  const frame = new Frame(options);
  parent.append(frame.element);
  return frame;
}

class Frame implements ExtensionFrameHandle {
  readonly element = document.createElement("iframe");
  #nonce = "";
  #isLoaded = false;
  #reloads = 0;
  #port: MessagePort | undefined;
  #flood = new FloodGate();
  #proxy: Proxy | undefined;
  #theme: ThemeTokens;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: FrameOptions) {
    this.#theme = options.theme ?? {};
    this.element.setAttribute("sandbox", SANDBOX);
    this.element.setAttribute("allow", "");
    this.element.referrerPolicy = "no-referrer";
    this.element.title = options.title;
    this.element.style.cssText = "border:0;width:100%;display:block";
    this.element.addEventListener("load", this.#loaded);
    window.addEventListener("message", this.#greeted);
    this.#load();
  }

  setTheme(tokens: ThemeTokens): void {
    this.#theme = tokens;
    this.send("theme_tokens", tokens);
  }

  send(type: string, payload: unknown): void {
    this.#port?.postMessage(envelope(type, payload));
  }

  close(): void {
    window.removeEventListener("message", this.#greeted);
    this.element.removeEventListener("load", this.#loaded);
    this.#disconnect();
    this.element.remove();
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    this.#proxy?.close();
    this.#port?.close();
    this.#port = undefined;
  }

  /** Loads the page with a nonce of its own. */
  #load(): void {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    this.#nonce = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.element.src = `${buildExtUiSrc(this.options)}#${NONCE}=${this.#nonce}`;
  }

  /** A document that the host has not loaded is replaced: it may be any page of the web. */
  #loaded = (): void => {
    if (!this.#isLoaded) {
      this.#isLoaded = true;
      return;
    }
    this.#disconnect();
    this.#reloads += 1;
    if (this.#reloads > RELOADS) return this.#fail("navigated", "the page leaves its frame again and again");
    this.#isLoaded = false;
    this.options.onError?.("navigated", "the page left its frame; it is loaded again");
    this.#load();
  };

  #fail(code: string, message: string): void {
    this.close();
    this.options.onError?.(code, message);
  }

  /** Handles `ready`, the only message outside of the port. */
  #greeted = (event: MessageEvent<unknown>): void => {
    if (event.source === null || event.source !== this.element.contentWindow) return;
    if (this.#isFlooded()) return;
    const message = parse(event.data);
    const nonce = isRecord(message?.payload) ? message.payload.nonce : undefined;
    const [port] = event.ports;
    // A nonce is for one document; the same again is a replay.
    if (message?.type !== "ready" || nonce !== this.#nonce || this.#nonce === "" || port === undefined) {
      return this.options.onError?.("refused", "a message that does not begin a connection");
    }
    this.#nonce = "";
    this.#port = port;
    port.onmessage = (received) => this.#received(received.data);
    void this.#greet(port);
  };

  async #greet(port: MessagePort): Promise<void> {
    const { gateway, extension, about, path } = this.options;
    try {
      const session = await this.options.session();
      if (this.#port !== port) return;
      if (gateway !== undefined) {
        const token = async (): Promise<string> => (await this.options.session()).token;
        this.#proxy = new Proxy({ gateway, extension, token });
      }
      const locale = this.options.locale ?? document.documentElement.lang;
      const navigation = { path: path ?? "/" };
      const first: Bootstrap = { session, theme_tokens: this.#theme, navigation, extension: about, locale };
      this.send("bootstrap", first);
      this.#renew(session);
      this.options.onReady?.();
    } catch {
      this.#fail("no_session", "the user's credential is not available");
    }
  }

  /** Sends a new credential shortly before the present one expires. */
  #renew({ expires_at: expires }: Session): void {
    const wait = Math.min(Math.max(expires - Date.now() - REFRESH, 1_000), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      const renewed = this.options.session().then((session) => {
        this.send("session", session);
        this.#renew(session);
      });
      renewed.catch(() => this.options.onError?.("no_session", "the user's credential was not renewed"));
    }, wait);
  }

  #isFlooded(): boolean {
    const admitted = this.#flood.admit();
    if (admitted === "close") this.#fail("flood", "the page sends too many messages");
    return admitted !== "handle";
  }

  #received(data: unknown): void {
    if (this.#isFlooded()) return;
    const message = parse(data);
    if (message === undefined) return this.options.onError?.("refused", "a message of another form");
    this.#handle(message);
  }

  #handle({ type, payload, request_id: id }: Envelope): void {
    const fields = isRecord(payload) ? payload : {};
    if (type === "resize" && typeof fields.height === "number" && Number.isFinite(fields.height)) {
      const height = Math.min(Math.max(Math.ceil(fields.height), HEIGHTS.least), HEIGHTS.most);
      this.element.style.height = `${height}px`;
      this.options.onResize?.(height);
    } else if (type === "navigate" && typeof fields.path === "string" && /^\/[^\\]{0,2048}$/.test(fields.path)) {
      // `//host` would be another origin for a host that puts it into a link.
      if (!fields.path.startsWith("//")) this.options.onNavigate?.(fields.path);
    } else if (type === "apiproxy" && id !== undefined) {
      void this.#call(id, payload);
    } else if (type === "apiproxy_abort" && id !== undefined) {
      this.#proxy?.abort(id);
    }
  }

  async #call(id: string, payload: unknown): Promise<void> {
    const port = this.#port;
    const none = { status: 0, headers: {}, error: { code: "not_granted", message: "this page may not call endpoints" } };
    const reply = (await this.#proxy?.call(id, payload)) ?? none;
    port?.postMessage(envelope("apiproxy_response", reply, id));
  }
}
