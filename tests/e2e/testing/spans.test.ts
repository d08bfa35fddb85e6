import { TestHost } from "@alga/sdk/testing";
import { expect, test } from "vitest";

test("spans of the extension are in the trace of its execution", async () => {
  const host = await TestHost.start();
  const response = await host.fetch("/spans");
  expect(await response.json()).toEqual({ sum: 3, isSame: [true, true, true, true] });
  expect(response.trace).toMatchObject({
    name: "alga.execute",
    attributes: { "extension.order": "o-18", "extension.lines": "3", "extension.is-paid": "true" },
  });
  const own = (response.trace?.spans ?? []).filter(({ name }) => name.startsWith("extension."));
  expect(own.map(({ name, failure }) => [name, failure])).toEqual([
    ["extension.outer", undefined],
    ["extension.fails", "Error: out of stock"],
    ["extension.fails", "a value without a text was thrown"],
    ["extension.fails", "object"],
    ["extension.fails", "a text"],
  ]);
  expect(own[0]?.spans).toMatchObject([
    { name: "alga.log.logger.emit", spans: [] },
    { name: "extension.part 1", attributes: { "extension.number": "1" } },
    { name: "extension.part 2", attributes: { "extension.number": "2" } },
  ]);
});

test("a trace is that of its own request, and a request that is not executed has none", async () => {
  const host = await TestHost.start();
  await host.fetch("/spans");
  const who = await host.fetch("/who");
  expect(who.trace?.spans.map(({ name }) => name)).toContain("alga.user.identity.current");
  expect(who.trace?.spans.map(({ name }) => name)).not.toContain("extension.outer");
  expect((await host.fetch("/absent")).trace).toBeUndefined();
});
