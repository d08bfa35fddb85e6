import { fetch } from "alga:http/client";
import type { HttpHost } from "./index.ts";

export const http: HttpHost = {
  async fetch({ method, url, headers, body }) {
    const pairs = headers.map(({ name, value }): [string, string] => [name, value]);
    const content = body === undefined || body === null ? null : (body as Uint8Array<ArrayBuffer>);
    const response = await fetch(url, { method, headers: pairs, body: content });
    return {
      status: response.status,
      headers: [...response.headers].map(([name, value]) => ({ name, value })),
      body: new Uint8Array(await response.arrayBuffer()),
    };
  },
};
