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

let shared: IframeBridge | undefined;

/** Returns the page's one bridge, connected at the first call. */
export function getBridge(): IframeBridge {
  return (shared ??= new IframeBridge());
}

/** Asks the host to show this path of the extension in its address bar. */
export function navigate(path: string): void {
  getBridge().navigate(path);
}

/** Calls one of the extension's endpoints with a JSON body and returns its JSON response. */
export async function callHandlerJson<Result = unknown>(
  route: string,
  options: { method?: string; body?: unknown; signal?: AbortSignal } = {},
): Promise<Result> {
  const { method, body, signal } = options;
  const response = await getBridge().fetch(route, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw new Error(`${route} responded with ${response.status}: ${await response.text()}`);
  return (await response.json()) as Result;
}
