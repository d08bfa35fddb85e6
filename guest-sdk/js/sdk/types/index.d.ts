// Types of what an extension runs with, beyond those of the web: `"types": ["@alga/sdk/types"]`.

/// <reference path="./host.d.ts" />

/** Secret that the host writes into a request; the extension never has its value. */
interface AlgaSecretPlacement {
  /** Name of the secret. */
  secret: string;
  /** `bearer` (the default): `authorization: Bearer …`; `basic`: the password of the user `name`; `header`: the field `name`. */
  placement?: "bearer" | "basic" | "header";
  /** Name of the user or of the header field. */
  name?: string;
}

interface RequestInit {
  /** Secrets that the host writes into the request, to hosts that the manifest binds them to. */
  secrets?: AlgaSecretPlacement[];
  /** Milliseconds for connecting, and again for the first byte of the response. */
  timeout?: number;
}

/** Error of the host, thrown by the functions of the modules `alga:*` and by `fetch`. */
interface AlgaHostError extends Error {
  readonly name: "HostError";
  /** Case of the interface's error: `denied`, `conflict`, `unavailable`, … */
  readonly code: string;
  /** What the case carries: a text, or the revision of a conflict. */
  readonly payload?: unknown;
}

declare module "alga:http/client" {
  /** The `fetch` of the web. Redirects are returned and not followed. */
  export const fetch: typeof globalThis.fetch;
}
