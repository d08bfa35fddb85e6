import { mocks } from "@alga/sdk/mocks";
import { TestHost } from "@alga/sdk/testing";
import { beforeEach, expect, test } from "vitest";
import handler from "../src/index.ts";

beforeEach(() => mocks.reset());

test("a handler runs in Node on mocks", async () => {
  const sent: string[] = [];
  mocks.secrets = { token: "t" };
  mocks.fetch = async (request) => {
    sent.push(await request.text());
    return new Response(null, { status: 204 });
  };
  const put = new Request("http://extension/notes/a", { method: "PUT", body: '{"text":"hello"}' });
  expect(await (await handler(put)).json()).toEqual({ revision: 1 });
  expect(sent).toEqual(['{"text":"hello"}']);
  expect(mocks.log).toMatchObject([{ level: "info", message: "stored a note" }]);
  expect(mocks.metrics).toMatchObject([{ kind: "add", name: "notes", value: 1 }]);
  const found = await handler(new Request("http://extension/notes/a"));
  expect(await found.json()).toEqual({ text: "hello" });
});

test("a test host works beside mocks, which replace fetch", async () => {
  const host = await TestHost.start();
  expect((await host.fetch("/who")).status).toBe(200);
  await host.end();
});

test("mocks are empty after a reset", async () => {
  await handler(new Request("http://extension/notes/a"));
  expect(mocks.kv.size).toBe(0);
  expect((await handler(new Request("http://extension/notes/a"))).status).toBe(404);
  expect((await handler(new Request("http://extension/rate"))).status).toBe(503);
});

test("spans and attributes are recorded", async () => {
  const response = await handler(new Request("http://extension/spans"));
  expect(await response.json()).toEqual({ sum: 3, isSame: [true, true, true, true] });
  expect(mocks.attributes).toMatchObject({ order: "o-18", lines: "3", "is-paid": "true" });
  expect(mocks.spans.every(({ isEnded }) => isEnded)).toBe(true);
  expect(mocks.spans.slice(0, 4)).toMatchObject([
    { name: "outer", parent: undefined, failure: undefined },
    { name: "part 1", parent: 1, attributes: { number: "1" } },
    { name: "part 2", parent: 1, attributes: { number: "2" } },
    { name: "fails", failure: "Error: out of stock" },
  ]);
});

test("the host application is a function", async () => {
  const body = new TextEncoder().encode('{"id":7}');
  mocks.uiProxy = (route, parameters) => {
    expect([route, parameters]).toEqual(["ticket", [["id", "7"]]]);
    return { status: 200, contentType: "application/json", body };
  };
  expect(await (await handler(new Request("http://extension/ticket"))).json()).toEqual({ id: 7 });
});
