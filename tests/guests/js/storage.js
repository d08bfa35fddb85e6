import { delete as remove, get, getMany, listEntries, put, putMany, usageOf } from "alga:storage/kv";

const options = { metadata: new Uint8Array() };
const revisions = ({ key, value, revision }) => [key, text(value), revision];

export default async () => {
  await check("get nothing", () => get("notes", "a"));
  await check("put", () => [put("notes", "a", bytes("1"), options), put("notes", "a", bytes("2"), { ...options, ifRevision: 1 })]);
  await check("conflict", () => put("notes", "a", bytes("3"), { ...options, ifRevision: 1 }));
  await check("create", () => put("notes", "a", bytes("3"), { ...options, ifRevision: 0 }));
  await check("get", () => revisions(get("notes", "a")));
  await check("metadata", () => {
    put("notes", "b", new Uint8Array([0, 255]), { metadata: bytes("meta"), ttlSeconds: 3600 });
    const { value, metadata, expiresInSeconds } = get("notes", "b");
    return [[...value], text(metadata), expiresInSeconds > 3500];
  });
  await check("putMany", () => putMany("notes", [{ key: "c", value: bytes("4"), options }, { key: "d", value: bytes("5"), options }]));
  await check("getMany", () => getMany("notes", ["d", "none", "c"]).map((entry) => entry && text(entry.value)));
  await check("listEntries", () => {
    const { entries, nextCursor } = listEntries("notes", { prefix: "", limit: 2 });
    const rest = listEntries("notes", { prefix: "", limit: 9, cursor: nextCursor });
    return [entries.map(({ key }) => key), rest.entries.map(({ key }) => key), rest.nextCursor === undefined];
  });
  await check("usageOf", () => usageOf("notes").keys);
  await check("delete", () => [remove("notes", "a"), remove("notes", "a")]);
  await check("delete at", () => remove("notes", "b", 9));
  await check("schema", () => put("typed", "a", bytes('{"cents":"1"}'), options));
  await check("too long", () => put("notes", "k".repeat(300), bytes("1"), options));
  await check("too large", () => put("notes", "k", new Uint8Array(70_000), options));
  await check("not bytes", () => put("notes", "k", "text", options));
  await check("not an integer", () => put("notes", "k", bytes("1"), { ...options, ifRevision: 1.5 }));
  return report();
};
