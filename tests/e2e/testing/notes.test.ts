import { TestHost } from "@alga/sdk/testing";
import { describe, expect, test } from "vitest";

const HOOK = { method: "POST", url: "https://hooks.example.com/notes", status: 204 };

describe("records", () => {
  test("a note is stored, the webhook is called with its secret, both are shown", async () => {
    const host = await TestHost.start({ secrets: { token: "s3cret" }, http: [HOOK] });
    const stored = await host.fetch("/notes/a", { method: "PUT", body: JSON.stringify({ text: "hello" }) });
    expect([stored.status, await stored.json()]).toEqual([200, { revision: 1 }]);
    expect(stored.log).toMatchObject([{ level: "info", message: "stored a note", fields: [["status", "204"]] }]);
    expect(stored.sent).toMatchObject([{ method: "POST", isScripted: true, text: '{"text":"hello"}' }]);
    expect(stored.sent[0]?.headers["authorization"]).toBe("Bearer s3cret");
    expect(stored.usage?.["host_calls"]).toBeGreaterThan(3);
    const state = await host.state();
    expect(state.kv).toEqual({ notes: { a: { text: "hello" } } });
    expect(state.metrics).toMatch(/^alga_extension_notes_total\{.*\} 1\.0$/m);
    await host.end();
  });

  test("a note expires with the host's time", async () => {
    const host = await TestHost.start({ secrets: { token: "t" }, http: [HOOK] });
    await host.fetch("/notes/a", { method: "PUT", body: '{"text":"hello"}' });
    await host.advance(3599_000);
    expect((await host.fetch("/notes/a")).status).toBe(200);
    await host.advance(1000);
    expect((await host.fetch("/notes/a")).status).toBe(404);
    expect((await host.state()).now).toBe("2026-01-05T10:00:00Z");
  });

  test("records are scripted, belong to one host, and can fail", async () => {
    const host = await TestHost.start({ kv: { notes: { a: { text: "scripted" } } } });
    const other = await TestHost.start();
    expect(await (await host.fetch("/notes/a")).json()).toEqual({ text: "scripted" });
    expect((await other.fetch("/notes/a")).status).toBe(404);
    await host.change({ kvFails: true });
    expect((await host.fetch("/notes/a")).status).toBe(503);
  });
});

const url = "https://rates.example.com/v1?currency=EUR";

describe("other hosts", () => {
  test("responses come in their order, with their fields", async () => {
    const host = await TestHost.start({
      http: [
        { url, times: 1, status: 429, headers: { "retry-after": "3" }, text: "slow down" },
        { url: "https://rates.example.com/*", json: { cents: 12 }, delayMs: 1000 },
      ],
    });
    const first = await host.fetch("/rate");
    expect([first.status, first.headers.get("retry-after"), await first.text()]).toEqual([429, "3", "slow down"]);
    expect(await (await host.fetch("/rate")).json()).toEqual({ cents: 12 });
    expect((await host.state()).now).toBe("2026-01-05T09:00:01Z");
  });

  test.each(["unresolved", "refused", "tls", "reset", "timeout"] as const)("%s is a failure", async (error) => {
    const host = await TestHost.start({ http: [{ url, error }] });
    expect((await host.fetch("/rate")).status).toBe(503);
  });

  test("null is a body", async () => {
    const host = await TestHost.start({ http: [{ url, json: null }] });
    expect(await (await host.fetch("/rate")).text()).toBe("null");
  });

  test("what is not scripted is a failure and is listed", async () => {
    const host = await TestHost.start();
    const response = await host.fetch("/rate");
    expect(response.status).toBe(503);
    expect(response.sent).toMatchObject([{ method: "GET", url, isScripted: false }]);
  });

  test("a host that the tenant does not allow is not reached", async () => {
    const host = await TestHost.start({ egress: ["hooks.example.com"], http: [{ url }] });
    const response = await host.fetch("/rate");
    expect([response.status, response.sent]).toEqual([503, []]);
  });

  test("the host application is scripted by its paths", async () => {
    const host = await TestHost.start({ hostApplication: [{ url: "/api/tickets/7", json: { id: 7 } }] });
    const response = await host.fetch("/ticket");
    expect(await response.json()).toEqual({ id: 7 });
    expect(response.sent).toMatchObject([{ method: "GET", url: "/api/tickets/7" }]);
  });
});

describe("what surrounds the extension", () => {
  test("an hour of sleep passes at once", async () => {
    const host = await TestHost.start({ now: "2030-02-03T04:05:06Z" });
    const response = await host.fetch("/nap");
    expect(await response.json()).toEqual({ before: "2030-02-03T04:05:06.000Z", slept: 3600_000 });
  });

  test("time does not overtake an operation", async () => {
    const host = await TestHost.start();
    expect(await (await host.fetch("/race")).json()).toEqual({ first: "storage" });
  });

  test("requests to one host do not let time pass for each other", async () => {
    const host = await TestHost.start({ http: [{ url }] });
    const all = await Promise.all(Array.from({ length: 40 }, () => host.fetch("/in-time")));
    for (const response of all) {
      expect(await response.json()).toEqual({ first: "in time" });
      expect(response.sent).toHaveLength(1);
    }
    expect((await host.state()).now).toBe("2026-01-05T09:00:00Z");
  });

  test("a time to live is rounded down, as by the platform", async () => {
    const host = await TestHost.start();
    expect(await (await host.fetch("/ttl")).json()).toEqual({ left: 0 });
  });

  test("bodies arrive as fetch sends them, within the platform's limit", async () => {
    const host = await TestHost.start();
    const send = async (body: BodyInit) => (await host.fetch("/echo", { method: "POST", body })).json();
    expect(await send("text")).toMatchObject({ type: "text/plain;charset=UTF-8", text: "text" });
    expect(await send(new URLSearchParams({ a: "1 2" }))).toMatchObject({
      type: "application/x-www-form-urlencoded;charset=UTF-8",
      text: "a=1+2",
    });
    const form = new FormData();
    form.set("a", "1");
    expect((await send(form)).type).toMatch(/^multipart\/form-data; ?boundary=/);
    const large = await host.fetch("/echo", { method: "POST", body: "a".repeat(10 * 1024 * 1024 + 1) });
    expect([large.status, large.error?.code]).toEqual([413, "payload_too_large"]);
  });

  test("the response to HEAD has no body", async () => {
    const host = await TestHost.start();
    const response = await host.fetch("/who", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("the user is scripted", async () => {
    const host = await TestHost.start({ user: { name: "Ada", kind: "client", clientId: "c-1" } });
    expect(await (await host.fetch("/who")).json()).toMatchObject({ name: "Ada", kind: "client", clientId: "c-1" });
    const alone = await TestHost.start({ user: null });
    expect(await (await alone.fetch("/who")).json()).toEqual({ name: "nobody" });
  });

  test("a capability that is not granted is denied", async () => {
    const host = await TestHost.start({ grants: ["cap:storage.kv", "cap:http.fetch", "cap:secrets.get"] });
    const response = await host.fetch("/ticket");
    expect(response.status).toBe(403);
  });

  test("a loop is the platform's error", async () => {
    const host = await TestHost.start();
    const response = await host.fetch("/loop");
    expect([response.status, response.error?.code]).toEqual([504, "deadline_exceeded"]);
  });

  test("endpoints that the manifest does not declare are not found", async () => {
    const host = await TestHost.start();
    const response = await host.fetch("/secret");
    expect([response.status, response.error?.code]).toEqual([404, "not_found"]);
  });

  test("mistakes in scripts are explained", async () => {
    await expect(TestHost.start({ htp: [] } as object)).rejects.toThrow("unknown field `htp`");
    await expect(TestHost.start({ http: [{ url, status: 42 }] })).rejects.toThrow("42 is not a status");
    await expect(TestHost.start({ grants: ["cap:magic"] })).rejects.toThrow("cap:magic");
    await expect(TestHost.start({ http: [{ url, delayms: 3 } as object as { url: string }] })).rejects.toThrow("delayms");
    await expect(TestHost.start({ kv: { "a b": {} } })).rejects.toThrow("not a namespace");
    await expect(TestHost.start({ kv: { a: { b: "c".repeat(70_000) } } })).rejects.toThrow("at most 64 KiB");
    await expect(TestHost.start({ now: "1969-12-31T00:00:00Z" })).rejects.toThrow("not before 1970");
    const host = await TestHost.start();
    await expect(host.advance(1e15)).rejects.toThrow("a hundred years");
    await host.end();
    await expect(host.fetch("/who")).rejects.toThrow("there is no test host");
  });
});
