import * as host from "alga:storage/kv";

/** Record of a namespace. */
export interface Entry<T> {
  key: string;
  value: T;
  /** Revision that a later `put` with `ifRevision` is based on. */
  revision: number;
  /** Seconds until the record expires, if it does. */
  expiresInSeconds?: number | undefined;
}

/** Options of a write. */
export interface PutOptions {
  /** Writes only if the record is at this revision; 0: only if it does not exist. */
  ifRevision?: number;
  /** Time to live: 60 seconds to 30 days. */
  ttlSeconds?: number;
}

/** Options of a listing. */
export interface ListOptions {
  prefix?: string;
  limit?: number;
  cursor?: string;
}

/** Key/value records of this install (`cap:storage.kv`). Values are JSON. */
export class Namespace<T = unknown> {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Reads a record; `undefined` if it does not exist. */
  async get(key: string): Promise<Entry<T> | undefined> {
    const entry = host.get(this.name, key);
    return entry && parsed<T>(entry);
  }

  /** Reads up to 20 records, in the order of the keys. */
  async getMany(keys: string[]): Promise<Array<Entry<T> | undefined>> {
    return host.getMany(this.name, keys).map((entry) => entry && parsed<T>(entry));
  }

  /** Writes a record and returns its revision. A record at another revision is a conflict (409). */
  async put(key: string, value: T, options: PutOptions = {}): Promise<number> {
    return host.put(this.name, key, encoded(value), { metadata: new Uint8Array(), ...options });
  }

  /** Writes a record only if its key does not exist yet; else it is a conflict (409). */
  async create(key: string, value: T, options: Omit<PutOptions, "ifRevision"> = {}): Promise<number> {
    return this.put(key, value, { ...options, ifRevision: 0 });
  }

  /** Writes up to 20 records with distinct keys, all or none, and returns their revisions. */
  async putMany(items: Array<{ key: string; value: T } & PutOptions>): Promise<number[]> {
    const item = ({ key, value, ...options }: { key: string; value: T } & PutOptions) => ({
      key,
      value: encoded(value),
      options: { metadata: new Uint8Array(), ...options },
    });
    return host.putMany(this.name, items.map(item));
  }

  /** Deletes a record and returns whether it existed. */
  async delete(key: string, ifRevision?: number): Promise<boolean> {
    return host.delete(this.name, key, ifRevision);
  }

  /** Lists records whose keys start with a prefix, in the order of their keys. */
  async list(options: ListOptions = {}): Promise<{ entries: Array<Entry<T>>; nextCursor?: string | undefined }> {
    const { entries, nextCursor } = host.listEntries(this.name, { prefix: "", ...options });
    return { entries: entries.map((entry) => parsed<T>(entry)), nextCursor };
  }

  /** Yields all records whose keys start with a prefix. */
  async *all(prefix = ""): AsyncGenerator<Entry<T>, void> {
    let cursor: string | undefined;
    do {
      const page = await this.list({ prefix, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.entries;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** Returns the usage and limits of the namespace. */
  async usage(): Promise<host.Usage> {
    return host.usageOf(this.name);
  }
}

function encoded(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError("the value of a record has no JSON");
  return new TextEncoder().encode(text);
}

function parsed<T>({ key, value, revision, expiresInSeconds }: host.Entry): Entry<T> {
  return { key, value: JSON.parse(new TextDecoder().decode(value)) as T, revision, expiresInSeconds };
}
