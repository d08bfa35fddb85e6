import { call as host } from "alga:ui-proxy/routes";

/** Options of a call. */
export interface CallOptions {
  /** Values of the `:name` segments of the path; other names are added to the query. */
  parameters?: Record<string, string>;
  /** Body, sent as JSON. */
  body?: unknown;
}

/** Calls a route of the host application, by its name in the manifest (`cap:ui.proxy`). */
export async function call(route: string, options: CallOptions = {}): Promise<Response> {
  const parameters = Object.entries(options.parameters ?? {});
  const body = options.body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(options.body));
  const { status, contentType, body: content } = host(route, parameters, body);
  const headers: Record<string, string> = contentType === undefined ? {} : { "content-type": contentType };
  return new Response(content.length === 0 ? null : (content as Uint8Array<ArrayBuffer>), { status, headers });
}
