import { call } from "alga:ui-proxy/routes";
import type { UiProxyHost } from "./index.ts";

async function callRoute(route: string, payload?: Uint8Array | null): Promise<Uint8Array> {
  return call(route, [], payload ?? undefined).body;
}

export const uiProxy: UiProxyHost = { callRoute, call: callRoute };
