// Each install has a host of its own (`ALGA_UI_ROOT`): pages of one are no files of another's origin.
import { env } from "node:process";
import { connected, equal, open, run, show, test, until } from "./lib.mjs";

const origins = JSON.parse(env.PAGES);

test("a page works from the origin of its install", async (browser) => {
  const page = await open(browser);
  const base = origins["com.example.page"];
  const frame = await connected(page, { base });
  equal(new URL(frame.url()).origin, base, "the origin");
  equal(await frame.evaluate(async () => (await window.bridge.fetch("/a")).status), 200, "a call");
  equal(page.messages, [], "messages of the console");
});

test("the origin of an install has no page of another extension", async (browser) => {
  const page = await open(browser);
  const frame = await show(page, { base: origins["com.example.gallery"] });
  await until(() => frame.evaluate(() => document.body.innerText.includes("not_found")), "the refusal");
});

await run();
