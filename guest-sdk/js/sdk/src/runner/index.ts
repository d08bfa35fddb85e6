/**
 * The names that authors of AlgaPSA's extensions know: `Handler`, `jsonResponse`, `emptyResponse`, `HostBindings`.
 * An extension that exports `handler` with these types runs unchanged; imports of `@alga-psa/extension-runtime` and
 * `@alga/extension-runtime` mean this module. New extensions use `handler` of `@alga/sdk`.
 */

import type { Client, Listing as ClientListing } from "alga:psa/clients";
import type { Draft, Invoice } from "alga:psa/invoicing";
import type { Listing as ServiceListing, Service } from "alga:psa/services";
import type { User } from "alga:user/identity";

export interface ContextData {
  requestId?: string | null;
  tenantId: string;
  extensionId: string;
  installId?: string | null;
  versionId?: string | null;
  config?: Record<string, string>;
}

export interface HttpHeader {
  name: string;
  value: string;
}

export interface HttpRequest {
  method: string;
  /** Path and query, without scheme and host, in a request to the extension; a whole URL in one that it sends. */
  url: string;
  headers: HttpHeader[];
  body?: Uint8Array | null;
}

export interface HttpResponse {
  status: number;
  headers: HttpHeader[];
  body?: Uint8Array | null;
}

export interface ExecuteRequest {
  context: ContextData;
  http: HttpRequest;
}

export interface ExecuteResponse {
  status: number;
  headers?: HttpHeader[];
  body?: Uint8Array | null;
}

export interface SecretsHost {
  get(key: string): Promise<string>;
  list(): Promise<string[]>;
}

export interface HttpHost {
  fetch(request: HttpRequest): Promise<HttpResponse>;
}

export interface StorageEntry {
  namespace: string;
  key: string;
  value: Uint8Array;
  revision?: number | null;
}

export interface StorageHost {
  get(namespace: string, key: string): Promise<Uint8Array | null>;
  put(entry: StorageEntry): Promise<void>;
  delete(namespace: string, key: string): Promise<void>;
  list(namespace: string): Promise<Array<Omit<StorageEntry, "namespace">>>;
}

export interface LoggingHost {
  info(message: string): Promise<void>;
  warn(message: string): Promise<void>;
  error(message: string): Promise<void>;
}

export interface UiProxyHost {
  callRoute(route: string, payload?: Uint8Array | null): Promise<Uint8Array>;
  call(route: string, payload?: Uint8Array | null): Promise<Uint8Array>;
}

export interface UserHost {
  getUser(): Promise<User>;
}

export interface InvoicingHost {
  createManualInvoice(input: Draft): Promise<Invoice>;
}

export interface ClientsHost {
  list(input?: { search?: string; includeInactive?: boolean; page?: number; pageSize?: number }): Promise<ClientListing>;
  get(id: string): Promise<Client | null>;
}

export interface ServicesHost {
  list(input?: { search?: string; isActive?: boolean; page?: number; pageSize?: number }): Promise<ServiceListing>;
  get(id: string): Promise<Service | null>;
}

/** The host's functions. A part whose capability the manifest does not list rejects each call. */
export interface HostBindings {
  context: { get(): Promise<ContextData> };
  secrets: SecretsHost;
  http: HttpHost;
  storage: StorageHost;
  logging: LoggingHost;
  uiProxy: UiProxyHost;
  user: UserHost;
  invoicing: InvoicingHost;
  clients: ClientsHost;
  services: ServicesHost;
}

export type Handler = (request: ExecuteRequest, host: HostBindings) => Promise<ExecuteResponse> | ExecuteResponse;

/** Makes a response of a value as JSON, or of bytes that are JSON already. */
export function jsonResponse(body: unknown, init: Partial<ExecuteResponse> = {}): ExecuteResponse {
  return {
    status: init.status ?? 200,
    headers: init.headers ?? [{ name: "content-type", value: "application/json" }],
    body: body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body)),
  };
}

/** Makes a response without a body. */
export function emptyResponse(status = 204): ExecuteResponse {
  return { status, headers: [], body: null };
}

/** Makes host functions for tests: those that a test does not replace reject each call. */
export function createMockHostBindings(overrides: Partial<HostBindings> = {}): HostBindings {
  const context = { tenantId: "tenant-mock", extensionId: "extension-mock", requestId: "req-mock" };
  const logging: LoggingHost = { info: async () => {}, warn: async () => {}, error: async () => {} };
  return bindings({ context: { get: async () => context }, logging, ...overrides }, "is not part of this test");
}

const PARTS = ["context", "secrets", "http", "storage", "logging", "uiProxy", "user", "invoicing", "clients", "services"] as const;

/** Completes host functions: each part that is missing rejects its calls with this reason. */
export function bindings(parts: Partial<HostBindings>, reason: string): HostBindings {
  const absent = (part: string) =>
    new Proxy(
      {},
      { get: (_, name) => async () => Promise.reject(new Error(`host.${part}.${String(name)} ${reason}`)) },
    );
  return Object.fromEntries(PARTS.map((part) => [part, parts[part] ?? absent(part)])) as unknown as HostBindings;
}
