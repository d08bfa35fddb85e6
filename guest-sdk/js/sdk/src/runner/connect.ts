import { allConfig, current } from "alga:context/execution";
import { bindings, type ContextData, type ExecuteResponse, type Handler, type HostBindings } from "./index.ts";

const REASON = "is not granted: add its capability to manifest.json";

/** Makes the default export of an extension that exports `handler`; `alga build` calls it with the parts that the manifest lists. */
export function connect(handle: Handler, parts: Partial<HostBindings>): (request: Request) => Promise<Response> {
  const host = bindings({ context: { get: async () => context() }, ...parts }, REASON);
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = [...request.headers].map(([name, value]) => ({ name, value }));
    const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer());
    const http = { method: request.method, url: pathname + search, headers, body };
    return response(await handle({ context: context(), http }, host));
  };
}

function context(): ContextData {
  const { installId, versionId, ...identity } = current();
  return { ...identity, installId: installId ?? null, versionId: versionId ?? null, config: Object.fromEntries(allConfig()) };
}

function response({ status, headers = [], body }: ExecuteResponse): Response {
  const pairs = headers.map(({ name, value }): [string, string] => [name, value]);
  const content = body === null || body === undefined || body.length === 0 ? null : (body as Uint8Array<ArrayBuffer>);
  return new Response(content, { status, headers: pairs });
}
