import { type Bootstrap, type ProxyCall, type ProxyReply, type Session, type ThemeTokens } from "./protocol.js";
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
export declare class BridgeError extends Error {
    readonly code: string;
    constructor(code: string, message: string);
}
type Handler = (payload: unknown) => void;
/** Connection of this page with the host application. */
export declare class IframeBridge {
    #private;
    /** Calls of routes by the name that extensions of AlgaPSA use. */
    readonly uiProxy: {
        call(route: string, payload?: Uint8Array | null): Promise<Uint8Array>;
    };
    /** Connects with `parent`; a page needs one bridge. */
    constructor(parent?: Window);
    /** Resolves when the host has accepted this page. */
    ready(): Promise<Bootstrap>;
    /** Calls `handler` with the payload of each message of this type; returns a function that stops it. */
    on(type: string, handler: Handler): () => void;
    /** Sends a message to the host. */
    emitToHost(type: string, payload: unknown): void;
    /** Returns the host's CSS variables as they are now. */
    getThemeTokens(): ThemeTokens;
    /** Returns the user's credential as it is now; the host sends a new one before it expires. */
    get session(): Session | undefined;
    /** Asks the host to show this path of the extension in its address bar. */
    navigate(path: string): void;
    /** Asks for a height of the frame in CSS pixels. */
    resize(height: number): void;
    /** Makes the frame as high as the page's content from now on; returns a function that stops it. */
    autoResize(element?: Element): () => void;
    /**
     * Calls one of the extension's own endpoints, `bridge.fetch("/agreements")`, like `fetch`.
     *
     * Throws `BridgeError` if there is no response, and the signal's reason if it was aborted.
     */
    fetch(route: string, options?: FetchOptions): Promise<Response>;
    /** Sends a call as the protocol defines it; bodies are in base64. */
    callProxy(call: ProxyCall, options?: CallOptions): Promise<ProxyReply>;
}
export {};
