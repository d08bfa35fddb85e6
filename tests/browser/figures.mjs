// Measures frames, calls and tables in a browser, and prints one JSON object (`cargo xtask bench ui`).
import { connected, launch, open } from "./lib.mjs";

const FRAMES = 15;
const CALLS = 200;
const ROWS = 100_000;
const SCROLLED_MS = 2_000;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds from setting the source of a frame until its page is ready, in the host's clock. */
async function ready(browser) {
  const times = [];
  for (let round = 0; round < FRAMES; round += 1) {
    const page = await open(browser);
    times.push(
      await page.evaluate(
        () =>
          new Promise((resolve) => {
            const started = performance.now();
            window.show({ onReady: () => resolve(performance.now() - started) });
          }),
      ),
    );
    await page.context().close();
  }
  return median(times);
}

/** Milliseconds of the same request: fetched by the host application, and called by the page. */
async function calls(browser) {
  const page = await open(browser);
  const frame = await connected(page);
  const fetched = await page.evaluate(async (count) => {
    const { alga, extension } = await (await fetch("/settings")).json();
    const { token } = await (await fetch("/session")).json();
    const times = [];
    for (let call = 0; call < count; call += 1) {
      const started = performance.now();
      const options = { headers: { authorization: `Bearer ${token}` }, cache: "no-store" };
      await (await fetch(`${alga}/api/ext-proxy/${extension}/figures`, options)).text();
      times.push(performance.now() - started);
    }
    return times;
  }, CALLS);
  const called = await frame.evaluate(async (count) => {
    const times = [];
    for (let call = 0; call < count; call += 1) {
      const started = performance.now();
      await (await window.bridge.fetch("/figures")).text();
      times.push(performance.now() - started);
    }
    return times;
  }, CALLS);
  return [median(fetched), median(called)];
}

/** The table of the gallery with many rows: first paint, frames per second, and megabytes. */
async function table(browser) {
  const page = await open(browser, { viewport: { width: 1280, height: 900 } });
  const hashes = await page.evaluate(async () => (await (await fetch("/settings")).json()).hashes);
  const frame = await connected(page, { extension: "com.example.gallery", contentHash: hashes.gallery });
  const paint = await frame.evaluate(async (count) => {
    const tabs = document.querySelector("alga-tabs");
    tabs.selected = 3;
    await tabs.updateComplete;
    const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    await painted();
    const rows = Array.from({ length: count }, (_, index) => ({
      id: index + 1,
      customer: `Customer ${(index * 7919) % count}`,
      amount: ((index * 37) % 1000) / 4,
      state: ["open", "paid", "late"][index % 3],
    }));
    const started = performance.now();
    document.querySelector("alga-table").rows = rows;
    await document.querySelector("alga-table").updateComplete;
    await painted();
    return performance.now() - started;
  }, ROWS);
  const frames = await frame.evaluate(async (longest) => {
    const root = document.querySelector("alga-table").shadowRoot;
    const area = [...root.querySelectorAll("*")].find((element) => element.scrollHeight > element.clientHeight + 1000);
    const next = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await next();
    const started = performance.now();
    let count = 0;
    while (performance.now() - started < longest) {
      area.scrollTop += 397;
      await next();
      count += 1;
    }
    return (count * 1000) / (performance.now() - started);
  }, SCROLLED_MS);
  // A frame has a session of its own if it has a process of its own; otherwise the page's counts it.
  const session = await page.context().newCDPSession(frame).catch(() => page.context().newCDPSession(page));
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  const memory = metrics.find(({ name }) => name === "JSHeapUsedSize").value / 1e6;
  return [paint, frames, memory];
}

const browser = await launch();
const [fetched, called] = await calls(browser);
const [paint, frames, memory] = await table(browser);
const figures = { ready: await ready(browser), fetch: fetched, call: called, added: called - fetched, paint, frames, memory };
console.log(JSON.stringify(figures));
await browser.close();
