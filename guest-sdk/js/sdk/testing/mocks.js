/**
 * The host's interfaces in memory, for unit tests of functions in `vitest`: with `algaMocks()` among the plugins of
 * `vitest.config.ts`, modules of the extension run in Node, and what they import from `@alga/sdk` works on `mocks`.
 * A mock has no limits, no denials and no sandbox; `TestHost` runs the component that is published.
 */

const encoder = new TextEncoder();

/** Error of the host, as the engine throws it. */
class HostError extends Error {
  constructor(code, payload) {
    super(typeof payload === "string" ? payload : `alga:storage/kv: ${code}`);
    this.name = "HostError";
    Object.assign(this, { code, payload });
  }
}

class Mocks {
  reset() {
    this.config = {};
    this.identity = { requestId: "request", tenantId: "tenant", extensionId: "extension", installId: "install" };
    this.user = { id: "user", email: "user@example.com", name: "User", kind: "internal", additionalFields: [] };
    this.kv = new Map();
    this.secrets = {};
    this.log = [];
    this.metrics = [];
    this.attributes = {};
    this.spans = [];
    this.fetch = async (request) => {
      throw new TypeError(`set mocks.fetch to respond to ${request.method} ${request.url}`);
    };
    this.uiProxy = (route) => refuse(`set mocks.uiProxy to respond to ${route}`);
    this.clients = [];
    this.services = [];
    this.invoices = [];
  }

  constructor() {
    this.reset();
  }
}

/** What the extension sees and has left. */
export const mocks = new Mocks();

function refuse(text) {
  throw new HostError("unavailable", text);
}

/** Returns the record with its key, as `get` and `list` of the interface do. */
function entry(key, { value, metadata, revision, ttl }) {
  return { key, value, metadata, revision, ...(ttl === undefined ? {} : { expiresInSeconds: ttl }) };
}

const NOTHING = new Map();

function namespace(name) {
  return mocks.kv.get(name) ?? NOTHING;
}

/** Returns a namespace to write into; it exists with its first record. */
function writable(name) {
  if (!mocks.kv.has(name)) mocks.kv.set(name, new Map());
  return mocks.kv.get(name);
}

function checkRevision(found, expected) {
  const revision = found?.value === undefined ? 0 : found.revision;
  if (expected !== undefined && expected !== revision) throw new HostError("conflict", revision);
}

const storage = {
  get(name, key) {
    const found = namespace(name).get(key);
    return found?.value === undefined ? undefined : entry(key, found);
  },
  put(name, key, value, { ifRevision, ttlSeconds: ttl, metadata = new Uint8Array() } = {}) {
    const found = namespace(name).get(key);
    checkRevision(found, ifRevision);
    const revision = (found?.revision ?? 0) + 1;
    writable(name).set(key, { value, metadata, revision, ttl });
    return revision;
  },
  delete(name, key, ifRevision) {
    const found = namespace(name).get(key);
    checkRevision(found, ifRevision);
    if (found?.value === undefined) return false;
    writable(name).set(key, { revision: found.revision });
    return true;
  },
  getMany: (name, keys) => keys.map((key) => storage.get(name, key)),
  putMany(name, items) {
    for (const { key, options } of items) checkRevision(namespace(name).get(key), options.ifRevision);
    return items.map(({ key, value, options }) => storage.put(name, key, value, options));
  },
  listEntries(name, { prefix, limit = 25, cursor }) {
    const keys = [...namespace(name)].filter(([key, { value }]) => value !== undefined && key.startsWith(prefix));
    const after = keys.map(([key]) => key).sort().filter((key) => cursor === undefined || key > cursor);
    const page = after.slice(0, limit);
    const entries = page.map((key) => storage.get(name, key));
    return { entries, ...(after.length > limit ? { nextCursor: page.at(-1) } : {}) };
  },
  usageOf(name) {
    const records = [...namespace(name).values()].filter(({ value }) => value !== undefined);
    const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
    return { keys: records.length, keysLimit: 5120, bytes, bytesLimit: 256 * 1024 * 1024 };
  },
};

function listing(all, matches, { number, size }) {
  const found = all.filter(matches);
  return { items: found.slice((number - 1) * size, number * size), totalCount: found.length };
}

/** Returns whether a text contains another one, in whatever case. */
function contains(text, part) {
  return part === undefined || text.toLowerCase().includes(part.toLowerCase());
}

/** The functions of each interface, by the name of its module. */
export const interfaces = {
  "alga:context/execution": {
    current: () => mocks.identity,
    why: () => ({ tag: "http" }),
    config: (key) => mocks.config[key],
    allConfig: () => Object.entries(mocks.config).sort(),
    remainingMs: () => 5000,
  },
  "alga:log/logger": {
    emit: (level, message, fields) => mocks.log.push({ level, message, fields }),
  },
  "alga:metrics/meter": Object.fromEntries(
    ["add", "set", "observe"].map((kind) => [
      kind,
      (name, value, labels) => void mocks.metrics.push({ kind, name, value, labels }),
    ]),
  ),
  "alga:trace/tracer": {
    traceparent: () => undefined,
    begin: (name, parent) => mocks.spans.push({ name, parent, attributes: {}, isEnded: false }),
    annotate(number, attributes) {
      const target = number === undefined ? mocks.attributes : mocks.spans[number - 1].attributes;
      for (const { name, value } of attributes) target[name] = value;
    },
    end: (number, failure) => void Object.assign(mocks.spans[number - 1], { failure, isEnded: true }),
  },
  "alga:user/identity": { current: () => mocks.user },
  "alga:storage/kv": storage,
  "alga:secrets/store": {
    names: () => Object.keys(mocks.secrets).map((name) => ({ name, hosts: [] })),
  },
  "alga:secrets/reveal": {
    reveal(name) {
      if (!Object.hasOwn(mocks.secrets, name)) throw new HostError("missing", `set mocks.secrets.${name}`);
      return encoder.encode(mocks.secrets[name]);
    },
  },
  "alga:ui-proxy/routes": { call: (route, parameters, body) => mocks.uiProxy(route, parameters, body) },
  "alga:psa/clients": {
    listClients: ({ search, includeInactive }, page) =>
      listing(mocks.clients, (item) => contains(item.name, search) && (includeInactive || !item.isInactive), page),
    getClient: (id) => mocks.clients.find((client) => client.id === id),
  },
  "alga:psa/services": {
    listServices: ({ search, kind, isActive, billingMethod }, page) => {
      const same = (wanted, value) => wanted === undefined || wanted === value;
      const matches = (item) =>
        contains(item.name, search) &&
        same(kind, item.kind) &&
        same(isActive, item.isActive) &&
        same(billingMethod, item.billingMethod);
      return listing(mocks.services, matches, page);
    },
    getService: (id) => mocks.services.find((service) => service.id === id),
  },
  "alga:psa/invoicing": {
    createManualInvoice(draft) {
      const made = mocks.invoices.find(({ idempotencyKey }) => idempotencyKey === draft.idempotencyKey);
      if (made === undefined) mocks.invoices.push(draft);
      const number = mocks.invoices.indexOf(made ?? draft) + 1;
      const subtotal = draft.items.reduce((sum, { quantity, rate }) => sum + quantity * rate, 0);
      return { id: `invoice-${number}`, number: String(number), status: "draft", subtotal, tax: 0, total: subtotal };
    },
  },
  "alga:http/client": {
    fetch: async (input, init) => mocks.fetch(new Request(input, init)),
  },
};

// As in a built extension, the global function is the host's: a test reaches no network.
globalThis.fetch = interfaces["alga:http/client"].fetch;
