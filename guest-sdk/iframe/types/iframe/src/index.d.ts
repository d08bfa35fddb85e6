/**
 * Connects the page of an extension with the host application that shows it:
 *
 * ```ts
 * import { getBridge } from "@alga/extension-iframe-sdk";
 *
 * const bridge = getBridge();
 * const { locale } = await bridge.ready();
 * const agreements = await (await bridge.fetch("/agreements")).json();
 * ```
 */
import { IframeBridge } from "./bridge.js";
export { BridgeError, IframeBridge, type CallOptions, type FetchOptions } from "./bridge.js";
export { applyTheme, subscribeTheme } from "./theme.js";
export type { Bootstrap, Envelope, ProxyCall, ProxyReply, Session, ThemeTokens } from "./protocol.js";
/** Returns the page's one bridge, connected at the first call. */
export declare function getBridge(): IframeBridge;
/** Asks the host to show this path of the extension in its address bar. */
export declare function navigate(path: string): void;
/** Calls one of the extension's endpoints with a JSON body and returns its JSON response. */
export declare function callHandlerJson<Result = unknown>(route: string, options?: {
    method?: string;
    body?: unknown;
    signal?: AbortSignal;
}): Promise<Result>;
