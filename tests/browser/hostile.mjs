// Pages that attack the host application, other extensions and the platform.
import { ALGA, HOST, bootstrapped, connected, equal, events, leave, ok, open, run, test, until } from "./lib.mjs";

test("messages that do not begin a connection are refused", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  const nonceless = await frame.evaluate(() => {
    const post = (data, ports = []) => parent.postMessage(data, "*", ports);
    const port = () => new MessageChannel().port2;
    const message = (type, payload) => ({ alga: true, version: "1", type, payload });
    post(message("ready", {}), [port()]);
    post(message("ready", { nonce: "" }), [port()]);
    post(message("ready", { nonce: "0".repeat(32) }), [port()]);
    post(message("apiproxy", { route: "/" }));
    post({ ...message("ready", {}), version: "2" }, [port()]);
    // The copy that the browser makes has a property of this name of its own.
    post(JSON.parse('{"alga":true,"version":"1","type":"ready","payload":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}'));
    for (const value of [null, 1, "ready", [], { alga: 1 }, { alga: true, version: "1", type: "x y" }]) post(value);
    return location.href;
  });
  ok(!nonceless.includes("nonce"), nonceless);
  await until(async () => (await events(page, "error")).length === 12, "refusals");
  equal(new Set(await events(page, "error")), new Set(["refused"]));
  equal(await events(page, "ready"), [null]);
  ok(await page.evaluate(() => !("polluted" in {})), "a message changes the prototype of all objects");
});

test("a nonce is used once, and only by the window of its frame", async (browser) => {
  const page = await open(browser);
  await page.evaluate(() => window.show());
  const nonce = await page.evaluate(() => new URL(document.querySelector("iframe").src).hash.split("=")[1]);
  await until(async () => (await events(page, "ready")).length === 1, "ready");
  const frame = page.frames().find((frame) => frame.parentFrame() !== null);
  const ready = { alga: true, version: "1", type: "ready", payload: { nonce } };
  await frame.evaluate((ready) => parent.postMessage(ready, "*", [new MessageChannel().port2]), ready);
  await until(async () => (await events(page, "error")).length === 1, "the replay is refused");
  // Another window that knows the nonce: a message whose source is not the frame changes nothing.
  await page.evaluate((ready) => window.postMessage(ready, "*", [new MessageChannel().port2]), ready);
  const second = await connected(page, {}, "other");
  await second.evaluate((ready) => parent.postMessage(ready, "*", [new MessageChannel().port2]), ready);
  await until(async () => (await events(page, "error")).length === 2, "the other frame is refused");
  equal((await events(page, "ready")).length, 2);
});

test("a document that replaces the page gets neither connection nor credential", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  await leave(frame, `${HOST}/evil.html`);
  await until(async () => (await events(page, "error")).includes("navigated"), "the navigation");
  // The host shows the extension's page again.
  await until(async () => (await events(page, "ready")).length === 2, "the page again");
  const seen = await page.evaluate(() => window.seen ?? []);
  equal(seen, [], "what the other document received");
  // One that leaves again and again is removed.
  for (let round = 0; round < 3; round += 1) {
    const again = await until(() => page.frames().find((frame) => frame.parentFrame() !== null && frame.url().includes("/ext-ui/")), "a frame");
    await bootstrapped(again).catch(() => undefined);
    await leave(again, `${HOST}/evil.html`);
    await until(async () => (await page.frames()).length === 1 || (await events(page, "ready")).length > round + 2, "the next round");
  }
  await until(async () => (await page.evaluate(() => document.querySelectorAll("iframe").length)) === 0, "removal");
});

test("a page reaches neither its host nor the user's browser", async (browser) => {
  const page = await open(browser);
  const downloads = [];
  page.on("download", (download) => downloads.push(download.url()));
  const frame = await connected(page);
  const url = page.url();
  const results = await frame.evaluate(async () => {
    const attempt = async (run) => {
      try {
        const value = await run();
        return value == null ? "nothing" : "value";
      } catch (error) {
        return error.name;
      }
    };
    return {
      parentDocument: await attempt(() => parent.document.body),
      parentLocation: await attempt(() => parent.location.href),
      topNavigation: await attempt(() => void (top.location = "about:blank")),
      popup: await attempt(() => open("about:blank")),
      localStorage: await attempt(() => localStorage.length),
      sessionStorage: await attempt(() => sessionStorage.length),
      cookies: await attempt(() => document.cookie),
      indexedDb: await attempt(() => new Promise((resolve, reject) => {
        const request = indexedDB.open("x");
        request.onsuccess = resolve;
        request.onerror = () => reject(request.error);
      })),
      caches: await attempt(() => caches.open("x")),
      serviceWorker: await attempt(() => navigator.serviceWorker.register("page.js")),
      sharedWorker: await attempt(() => new SharedWorker("page.js").port),
      broadcast: await attempt(() => void new BroadcastChannel("x").postMessage("x")),
      camera: await attempt(() => navigator.mediaDevices.getUserMedia({ video: true })),
      location: await attempt(() => new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, (error) => reject(Object.assign(new Error(), { name: `Position${error.code}` }))))),
      clipboard: await attempt(() => navigator.clipboard.readText()),
      alert: await attempt(() => (alert("x"), null)),
      // A download of another origin would be a navigation, and the page's files are of another origin.
      download: await attempt(() => {
        const href = URL.createObjectURL(new Blob(["x"]));
        Object.assign(document.createElement("a"), { href, download: "x" }).click();
      }),
    };
  });
  for (const [name, result] of Object.entries(results)) {
    const isHarmless = ["nothing", "SecurityError", "NotAllowedError", "TypeError", "Position1", "NotFoundError"].includes(result);
    ok(isHarmless, `${name}: ${result}`);
  }
  equal(page.url(), url, "the host's URL");
  equal(page.context().pages().length, 1, "windows");
  equal(downloads, [], "downloads");
});

test("a page connects to nothing and loads nothing of others", async (browser) => {
  const page = await open(browser);
  const settings = await page.evaluate(async () => (await fetch("/settings")).json());
  const requests = [];
  // Blocked requests have no response.
  page.on("response", (response) => requests.push(response.url()));
  const frame = await connected(page);
  const other = `${ALGA}/ext-ui/com.example.slow/${settings.hashes.slow}/page.js`;
  requests.length = 0;
  const results = await frame.evaluate(
    async ([gateway, host, other]) => {
      const of = (promise) => promise.then(() => "response", (error) => error.name);
      const load = (name, properties) =>
        new Promise((resolve) => {
          const element = Object.assign(document.createElement(name), properties);
          element.onload = () => resolve("loaded");
          element.onerror = () => resolve("error");
          document.body.append(element);
          setTimeout(() => resolve("silence"), 500);
        });
      const socket = () =>
        new Promise((resolve) => {
          try {
            const socket = new WebSocket(host.replace("http", "ws"));
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("error");
          } catch (error) {
            resolve(error.name);
          }
        });
      return {
        gateway: await of(fetch(`${gateway}/api/ext/com.example.page/`)),
        host: await of(fetch(host)),
        otherAsset: await of(fetch(other)),
        ownAsset: await of(fetch("page.js")),
        beacon: navigator.sendBeacon(host) ? "error" : "error",
        events: await of(new Promise((resolve, reject) => Object.assign(new EventSource(host), { onopen: resolve, onerror: reject })).catch((event) => Promise.reject(new TypeError(event.type)))),
        socket: await socket(),
        otherScript: await load("script", { src: other }),
        otherModule: await of(import(other)),
        inlineScript: await load("script", { textContent: "window.ran = true" }).then(() => (window.ran ? "ran" : "error")),
        evaluated: await of((async () => eval("1"))()),
        otherImage: await load("img", { src: `${host}/logo.png` }),
        otherStyle: await load("link", { rel: "stylesheet", href: `${host}/style.css` }),
        prefetch: await load("link", { rel: "prefetch", href: `${host}/prefetched` }),
        // A browser shows its own error in a frame that it blocks; the list of requests shows what it loaded.
        frame: await load("iframe", { src: other }).then(() => "error"),
        srcdoc: await load("iframe", { srcdoc: "<script>parent.ran = true</script>" }).then(() => (window.ran ? "ran" : "error")),
        blob: await load("iframe", { src: URL.createObjectURL(new Blob(["<script>parent.postMessage('x','*')</script>"], { type: "text/html" })) }).then(() => "error"),
        worker: await load("span", {}).then(() => { try { new Worker(URL.createObjectURL(new Blob(["1"]))); return "error"; } catch (error) { return error.name; } }),
        object: await load("object", { data: other, type: "text/html" }),
        form: await (async () => {
          const form = Object.assign(document.createElement("form"), { action: host, method: "post" });
          document.body.append(form);
          form.submit();
          return "error";
        })(),
        base: (() => {
          document.head.append(Object.assign(document.createElement("base"), { href: host }));
          return new URL("x", document.baseURI).origin === host ? "changed" : "error";
        })(),
      };
    },
    [ALGA, HOST, other],
  );
  for (const [name, result] of Object.entries(results)) {
    ok(["error", "TypeError", "SecurityError", "EvalError", "silence"].includes(result), `${name}: ${result}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const isOwn = (url) => /^(blob|data):/.test(url) || url.includes("/ext-ui/com.example.page/") || url.endsWith("/session");
  const outside = requests.filter((url) => !isOwn(url));
  equal(outside, [], "requests of the browser");
});

test("a route leads to the extension's own endpoints only", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  const routes = [
    "", "x", "//evil.test/", "https://evil.test/", "/../com.example.slow/", "/%2e%2e/com.example.slow/", "/.%2E/x", "/a/../../x",
    "/a%2f..%2fb", "/a%5cb", "/\\evil.test", "/a\\..\\b", "/a\nb", "/a b", "/a//b", "/%00", "/%252e%252e/x", `/${"a".repeat(5000)}`,
  ];
  const codes = await frame.evaluate(
    (routes) => Promise.all(routes.map((route) => bridge.callProxy({ route }).then((reply) => reply.status, (error) => error.code))),
    routes.slice(0, 8),
  );
  const more = await frame.evaluate(
    (routes) => routes.reduce(async (all, route) => [...(await all), await bridge.callProxy({ route }).then((reply) => reply.status, (error) => error.code)], Promise.resolve([])),
    routes.slice(8),
  );
  equal(new Set([...codes, ...more]), new Set(["bad_route"]), `${codes} ${more}`);
  const calls = [
    { route: 7 }, { route: "/", method: "TRACE" }, { route: "/", method: 7 }, { route: "/", headers: { a: 1 } }, { route: "/", headers: "x" },
    { route: "/", body: 7 }, { route: "/", body: "no base64!" }, null, [], "x",
  ];
  for (const call of calls) {
    const code = await frame.evaluate((call) => bridge.callProxy(call).then((reply) => reply.status, (error) => error.code), call);
    ok(["bad_request", "bad_route", "payload_too_large"].includes(code), `${JSON.stringify(call)}: ${code}`);
  }
  const large = await frame.evaluate(() => {
    const of = (promise) => promise.then((reply) => reply.status, (error) => error.code);
    const body = "A".repeat(15 * 1024 * 1024);
    return Promise.all([of(bridge.callProxy({ route: "/", method: "POST", body })), of(bridge.fetch("/", { method: "POST", body: new Uint8Array(10 * 1024 * 1024 + 1) }))]);
  });
  equal(large, ["payload_too_large", "payload_too_large"]);
});

test("a page without the capability calls nothing", async (browser) => {
  const page = await open(browser);
  const settings = await page.evaluate(async () => (await fetch("/settings")).json());
  const frame = await connected(page, { extension: "com.example.denied", contentHash: settings.hashes.denied });
  const response = await frame.evaluate(async () => {
    const response = await bridge.fetch("/");
    return [response.status, (await response.json()).error];
  });
  equal(response, [403, "capability_denied"]);
});

// Covers U9: names and texts of a manifest are the publisher's.
test("the names of an extension are text and nothing else", async (browser) => {
  const page = await open(browser);
  const hostile = `"><img src=x onerror="window.isBroken = true"><script>window.isBroken = true</script>`;
  const frame = await connected(page, { title: hostile, about: { id: "i1", name: hostile, version: hostile } });
  equal(await page.evaluate(() => document.querySelector("iframe").title), hostile, "the title");
  equal(await frame.evaluate(() => window.bootstrap.extension.name), hostile, "the name");
  equal(await page.evaluate(() => [document.querySelectorAll("img").length, window.isBroken ?? false]), [0, false]);
});

test("100 000 messages neither stop the host application nor use its memory", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  // The frame may be removed before this returns.
  await frame.evaluate(() => {
    for (let number = 0; number < 100_000; number += 1) bridge.emitToHost("navigate", { path: `/${number}` });
  }).catch(() => undefined);
  await until(async () => (await events(page, "error")).includes("flood"), "the flood is noticed");
  equal(await page.evaluate(() => document.querySelectorAll("iframe").length), 0, "frames");
  ok((await events(page, "navigate")).length < 1_000, "handled messages");
});

test("100 MB in one message is refused", async (browser) => {
  const page = await open(browser);
  const frame = await connected(page);
  const code = await frame.evaluate(() =>
    bridge.callProxy({ route: "/", method: "POST", body: "A".repeat(100 * 1024 * 1024) }).then(() => "response", (error) => error.code),
  );
  equal(code, "payload_too_large");
});

test("another page does not embed an extension's page", async (browser) => {
  const page = await open(browser);
  const settings = await page.evaluate(async () => (await fetch("/settings")).json());
  const other = await page.context().newPage();
  await other.goto(`${ALGA}/healthz`);
  const failed = [];
  other.on("requestfailed", (request) => failed.push(request.failure()?.errorText ?? ""));
  await other.evaluate((src) => {
    document.body.append(Object.assign(document.createElement("iframe"), { src }));
  }, `${ALGA}/ext-ui/com.example.page/${settings.contentHash}/`);
  await until(() => failed.some((text) => text.includes("BLOCKED_BY_RESPONSE") || text.includes("ABORTED")), "the refusal");
});

await run();
