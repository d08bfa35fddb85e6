// The protocol between a host application and the page of an extension.
import { bootstrapped, connected, equal, events, loaded, ok, open, run, show, test, until } from "./lib.mjs";

test("a page is connected and receives session, theme, path, extension and language", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page, { path: "/agreements/42", locale: "de" });
  const first = await frame.evaluate(() => window.bootstrap);
  equal([first.navigation.path, first.locale, first.extension.name], ["/agreements/42", "de", "com.example.page"]);
  ok(first.session.token.startsWith("v4.public.") && first.session.expires_at > Date.now(), "the session");
  equal(await frame.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--alga-primary")), "rgb(1, 2, 3)");
  equal(await frame.evaluate(() => location.hash), "", "the fragment");
  equal(await frame.evaluate(() => new URLSearchParams(location.search).get("path")), "/agreements/42", "the path");
  equal(await frame.evaluate(() => self.origin), "null", "the origin");
  equal(page.messages, [], "messages of the console");
});

test("a page calls its own endpoints with fetch's responses", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  const reply = await frame.evaluate(async () => {
    const response = await bridge.fetch("/things/1?a=b%20c", {
      method: "POST",
      headers: { "content-type": "text/plain", "x-ext-own": "1", authorization: "Bearer stolen" },
      body: "the body",
    });
    return { status: response.status, type: response.headers.get("content-type"), json: await response.json() };
  });
  equal(reply.status, 200);
  const { method, target, headers, body } = reply.json;
  equal([method, target, body], ["Method::Post", "/things/1?a=b%20c", "the body"]);
  const names = headers.map(([name]) => name);
  ok(names.includes("x-ext-own") && !names.includes("authorization") && !names.includes("cookie"), names.join());
  equal(await frame.evaluate(async () => (await callHandlerJson("/a", { body: { x: 1 } })).body), '{"x":1}');
  equal(await frame.evaluate(async () => (await bridge.fetch("/a/b/c/d")).status), 404, "an endpoint that is not declared");
  const bytes = await frame.evaluate(async () => {
    const sent = new Uint8Array(100_000).map((_, index) => index % 256);
    const response = await bridge.fetch("/bytes", { method: "POST", body: sent });
    return [(await response.json()).body.length > 0, response.ok];
  });
  equal(bytes, [true, true]);
});

test("a call is cancelled by its signal or its timeout, and at most eight are in progress", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page, { extension: "com.example.slow", contentHash: await hash(page, "slow") });
  const first = await frame.evaluate(async () => {
    const of = (promise) => promise.then(() => "response", (error) => (error.name === "BridgeError" ? error.code : error.name));
    const controller = new AbortController();
    const calls = [bridge.fetch("/", { signal: controller.signal }), bridge.fetch("/", { timeout: 50 })];
    controller.abort();
    return Promise.all([...calls, bridge.fetch("/", { signal: AbortSignal.abort() })].map(of));
  });
  equal(first, ["AbortError", "timeout", "AbortError"]);
  const other = await connected(page, { extension: "com.example.slow", contentHash: await hash(page, "slow") }, "other");
  const codes = await other.evaluate(() => {
    const of = (promise) => promise.then(() => "response", (error) => error.code);
    return Promise.all(Array.from({ length: 10 }, () => of(bridge.fetch("/", { timeout: 2000 }))));
  });
  equal(codes.filter((code) => code === "too_many_calls").length, 2);
});

test("a plain fetch fails with a message that names bridge.fetch", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  equal(await frame.evaluate(() => fetch("/api/ext/com.example.page/").then(() => "response", (error) => error.name)), "TypeError");
  await until(() => page.messages.some((text) => text.includes("bridge.fetch")), "the explanation");
});

test("theme, size, path and session follow", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  await page.evaluate(() => window.frames_[0].setTheme({ "--alga-primary": "rgb(9, 9, 9)", "--alga-color-scheme": "dark", color: "red" }));
  await until(() => frame.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--alga-primary") === "rgb(9, 9, 9)"), "the theme");
  equal(await frame.evaluate(() => document.documentElement.style.color), "", "another property");
  await frame.evaluate(() => {
    for (const height of [1, 300.2, 1e9, NaN]) bridge.resize(height);
    bridge.emitToHost("resize", { height: "500" });
    navigate("/agreements/7");
    for (const path of ["//evil.test", "https://evil.test", "javascript:alert(1)", "/a\\b", 7]) bridge.emitToHost("navigate", { path });
  });
  await until(async () => (await events(page, "navigate")).length > 0, "navigation");
  equal(await events(page, "resize"), [100, 301, 4000]);
  equal(await events(page, "navigate"), ["/agreements/7"]);
  equal(await page.evaluate(() => document.querySelector("iframe").style.height), "4000px");
});

test("an expiring session is renewed", async (browser) => {
  const page = await open(browser);
  const known = new Set(page.frames());
  await page.evaluate(() => {
    let number = 0;
    window.show({ session: async () => ({ token: `t${(number += 1)}`, expires_at: Date.now() + 30_500 }) });
  });
  const frame = await until(() => page.frames().find((frame) => !known.has(frame)), "a frame");
  await bootstrapped(frame);
  await until(() => frame.evaluate(() => bridge.session.token !== "t1"), "another token");
});

test("a page is connected after the user reloads the host application, and pages of two extensions at once", async (browser) => {
  const page = await open(browser);
  await connected(page);
  await page.reload();
  await loaded(page);
  const [one, other] = [await connected(page), await connected(page, { extension: "com.example.slow", contentHash: await hash(page, "slow") }, "other")];
  equal(await one.evaluate(() => window.bootstrap.extension.name), "com.example.page");
  equal(await other.evaluate(() => window.bootstrap.extension.name), "com.example.slow");
});

test("the sandbox and the frame have no more rights than a page needs", async (browser) => {
  const page = await open(browser);
  await show(page);
  const attributes = await page.evaluate(() => {
    const frame = document.querySelector("iframe");
    return [frame.getAttribute("sandbox"), frame.getAttribute("allow"), frame.referrerPolicy, frame.title];
  });
  equal(attributes, ["allow-scripts allow-forms", "", "no-referrer", "Page of an extension"]);
});

async function hash(page, name) {
  return page.evaluate(async (name) => (await (await fetch("/settings")).json()).hashes[name], name);
}

await run();
