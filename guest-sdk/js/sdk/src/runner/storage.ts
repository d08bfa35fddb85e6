import * as kv from "alga:storage/kv";
import type { StorageHost } from "./index.ts";

export const storage: StorageHost = {
  async get(namespace, key) {
    return kv.get(namespace, key)?.value ?? null;
  },
  async put({ namespace, key, value, revision }) {
    const ifRevision = revision === undefined || revision === null ? {} : { ifRevision: revision };
    kv.put(namespace, key, value, { metadata: new Uint8Array(), ...ifRevision });
  },
  async delete(namespace, key) {
    if (!kv.delete(namespace, key)) throw new Error(`the record \`${key}\` does not exist`);
  },
  async list(namespace) {
    const all: kv.Entry[] = [];
    let cursor: string | undefined;
    do {
      const page = kv.listEntries(namespace, { prefix: "", limit: 100, cursor });
      all.push(...page.entries);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return all.map(({ key, value, revision }) => ({ key, value, revision }));
  },
};
