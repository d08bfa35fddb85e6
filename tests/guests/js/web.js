// Uses the interfaces of the web that the engine provides; the response has the result of each.

const results = {};

async function check(name, run) {
  try {
    results[name] = await run();
  } catch (error) {
    results[name] = { thrown: `${error.name}: ${error.message}` };
  }
}

const bytes = (...values) => Uint8Array.from(values);

export default async function handle(request) {
  const url = new URL(request.url);
  if (url.pathname === "/echo") {
    return new Response(await request.bytes(), { status: 201, headers: { "content-type": request.headers.get("content-type") ?? "x/y", "x-ext-method": request.method } });
  }
  if (url.pathname === "/stream") {
    async function* parts() {
      for (let number = 0; number < 3; number += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield `part ${number};`;
      }
    }
    return new Response(parts(), { headers: { "content-type": "text/plain" } });
  }
  await check("URL", () => {
    const url = new URL("../b?x=1#y", "https://user:pw@example.com:8443/a/c");
    url.searchParams.append("z", "ä &");
    url.port = "443";
    return [url.href, url.origin, url.hash, URL.canParse("nonsense"), new URL("https://EXAMPLE.com/%7Efoo/../bar").href];
  });
  await check("URLSearchParams", () => [new URLSearchParams({ a: "1", b: "ü+" }).toString(), [...new URLSearchParams("a=1&a=2&b=%zz")]]);
  await check("Headers", () => [...new Headers([["B", "2"], ["a", " 1 "], ["b", "3"]])]);
  await check("Headers refuses", () => new Headers({ "a b": "1" }));
  await check("Response.json", async () => {
    const response = Response.json({ a: 1 }, { status: 202 });
    return [response.status, response.headers.get("content-type"), await response.clone().json(), response.ok];
  });
  await check("Request", async () => {
    const request = new Request("https://example.com/", { method: "post", body: new URLSearchParams({ q: "1" }) });
    return [request.method, request.headers.get("content-type"), await request.text(), request.bodyUsed];
  });
  await check("TextEncoder", () => [...new TextEncoder().encode("€𝄞\ud800")]);
  await check("TextDecoder", () => {
    const decoder = new TextDecoder();
    return [decoder.decode(bytes(0xef, 0xbb, 0xbf, 0xe2), { stream: true }), decoder.decode(bytes(0x82, 0xac)), new TextDecoder().decode(bytes(0xff))];
  });
  await check("TextDecoder refuses", () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(0xff)));
  await check("structuredClone", () => {
    const value = { date: new Date(0), map: new Map([[1, { a: bytes(1, 2) }]]), list: [1, , 3] };
    value.self = value;
    const clone = structuredClone(value);
    return [clone !== value, clone.self === clone, clone.date.getTime(), clone.map.get(1).a.join(), 1 in clone.list];
  });
  await check("structuredClone refuses", () => structuredClone(() => 1));
  await check("atob", () => [btoa("hello"), atob("aGVsbG8=")]);
  await check("timers", async () => {
    const order = [];
    const ended = new Promise((resolve) => setTimeout(resolve, 5));
    setTimeout((text) => order.push(text), 2, "second");
    setTimeout(() => order.push("first"), 0);
    clearTimeout(setTimeout(() => order.push("never"), 1));
    const id = setInterval(() => order.push("often") > 3 && clearInterval(id), 1);
    queueMicrotask(() => order.push("microtask"));
    await ended;
    return [order[0], order.includes("first"), order.includes("second"), order.includes("never"), order.includes("often")];
  });
  await check("AbortSignal", async () => {
    const controller = new AbortController();
    const seen = [];
    controller.signal.addEventListener("abort", () => seen.push("event"));
    controller.abort();
    controller.abort();
    const timeout = AbortSignal.timeout(1);
    await new Promise((resolve) => timeout.addEventListener("abort", resolve));
    return [seen.join(), controller.signal.aborted, controller.signal.reason.name, timeout.reason.name, AbortSignal.any([timeout]).aborted];
  });
  await check("ReadableStream", async () => {
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue("a"),
      pull: (controller) => (controller.enqueue("b"), controller.close()),
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  });
  await check("ReadableStream that waits", async () => {
    const order = [];
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue("early");
        await new Promise((resolve) => setTimeout(resolve, 2));
        order.push("started");
        controller.enqueue("late");
        controller.close();
      },
      cancel: () => order.push("cancelled"),
    });
    for await (const chunk of stream) order.push(chunk);
    return order;
  });
  await check("ReadableStream desiredSize", async () => {
    const chunks = [];
    const stream = new ReadableStream({
      pull(controller) {
        while (controller.desiredSize > 0) controller.enqueue(chunks.length);
        if (chunks.length > 2) controller.close();
      },
    });
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  });
  await check("Request as init", async () => {
    const first = new Request("https://example.com/a", { method: "POST", body: "content", headers: { "x-a": "1" } });
    const second = new Request("https://example.com/b", first);
    return [second.method, second.url, second.headers.get("x-a"), new Request("https://example.com/c", new Request("https://example.com/")).signal.aborted];
  });
  await check("lone surrogates", () => {
    console.log("\ud83d");
    return new URL(`https://example.com/?${"\ud83d"}`).search;
  });
  await check("crypto", () => {
    const uuid = crypto.randomUUID();
    return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), crypto.getRandomValues(new Uint32Array(4)).length];
  });
  await check("crypto refuses", () => crypto.getRandomValues(new Uint8Array(65_537)));
  await check("Math.random", () => {
    const numbers = Array.from({ length: 100 }, () => Math.random());
    return [new Set(numbers).size, numbers.every((number) => number >= 0 && number < 1)];
  });
  await check("Date", () => Date.now() > 1_700_000_000_000 && performance.now() > 0);
  await check("recursion", () => {
    const deeper = () => deeper() + 1;
    return deeper();
  });
  await check("eval", () => (0, eval)("1 + 1"));
  await check("JSON", () => JSON.parse("{"));
  await check("RegExp", () => "tést".replace(/\p{L}(?<=é)/u, "E"));
  await check("Intl", () => typeof Intl);
  await check("globals", () => ["fetch", "process", "require", "window", "navigator"].filter((name) => name in globalThis));
  await check("native", async () => typeof (await import("alga:native")));
  console.log("a %s of %d", "format", 2, { nested: { list: [1, "two", null], map: new Map([["k", new Set([1])]]) } });
  console.error(new TypeError("shown with its stack"));
  return Response.json(results);
}
