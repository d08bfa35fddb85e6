import { TestHost } from "@alga/sdk/testing";
import { expect, test } from "vitest";

test("randomness is fresh in each execution", async () => {
  const host = await TestHost.start();
  const all = await Promise.all(Array.from({ length: 50 }, async () => (await host.fetch("/random")).json()));
  expect(new Set(all.map(({ random }) => random)).size).toBe(50);
  expect(new Set(all.map(({ uuid }) => uuid)).size).toBe(50);
});

test("numbers and errors are those of the compact engine", async () => {
  const host = await TestHost.start();
  const count = async () => (await host.fetch("/count/a", { method: "POST", body: "5" })).json();
  expect(await count()).toEqual({ number: 5, revision: 1, usage: 1 });
  expect(await count()).toEqual({ number: 10, revision: 2, usage: 1 });
  const conflict = await host.fetch("/conflict");
  expect([conflict.status, await conflict.json()]).toEqual([409, { error: "conflict", message: "the record is at revision 1" }]);
  const denied = await TestHost.start({ grants: ["cap:http.fetch"] });
  expect((await denied.fetch("/count/a", { method: "POST", body: "5" })).status).toBe(403);
});

test("requests, timers, the console and what the compact engine does not have", async () => {
  const host = await TestHost.start({ http: [{ url: "https://rates.example.com/v1", json: { cents: 12 } }] });
  expect(await (await host.fetch("/rate")).json()).toEqual({ cents: 12 });
  expect(await (await host.fetch("/nap")).json()).toEqual({ slept: 3600_000 });
  expect(await (await host.fetch("/digest")).text()).toMatch(/^ba7816bf8f01cfea414140de5dae2223/);
  const who = await host.fetch("/who");
  expect(who.log.map((record) => [record.source, record.level, record.message])).toEqual([
    ["log", "warn", 'asked for the user {a: 1}'],
    ["log", "info", "asked"],
  ]);
  const failed = await host.fetch("/fails");
  expect(failed.status).toBe(500);
  const text = failed.log.map((record) => record.message).join("\n");
  expect(text).toContain("Error: the reason");
  expect(failed.log[0]?.level).toBe("error");
  expect(await (await host.fetch("/timeout")).text()).toContain("`timeout` of fetch needs the compact engine");
  expect(text).toMatch(/failing@src\/index\.ts:88:/);
});

test("a stream that fails is logged, and arguments are checked", async () => {
  const host = await TestHost.start();
  expect(await (await host.fetch("/stream")).text()).toBe("part 1\npart 2\npart 3\n");
  const half = await host.fetch("/half");
  // The engine does not tell the host; the compact one does.
  expect([half.status, await half.text()]).toEqual([200, "partpartpart"]);
  expect(half.log.map((record) => record.message).join()).toContain("the stream failed");
  expect(await (await host.fetch("/direct")).json()).toEqual([1, "RangeError", "TypeError", ["key", "value", "metadata", "revision"]]);
});
