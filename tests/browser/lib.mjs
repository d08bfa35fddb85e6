// Runs the cases of one file in Debian's Chromium, and prints a line for each.
import { createRequire } from "node:module";
import { env, exit } from "node:process";

const require = createRequire(`${env.ALGA_TEST_WEB}/package.json`);
const { chromium } = require("playwright-core");
export const axe = () => require("node:fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const HOST = env.HOST;
export const ALGA = env.ALGA;
const cases = [];

export function test(name, run) {
  cases.push([name, run]);
}

export function equal(actual, expected, what = "") {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

export function ok(value, what) {
  if (!value) throw new Error(what);
}

/** Waits until a condition holds. */
export async function until(condition, what) {
  for (let round = 0; round < 400; round += 1) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not in time: ${what}`);
}

/** Waits for the script of the host application. */
export const loaded = (page) => until(() => page.evaluate(() => window.isLoaded === true), "the host application");

/** Opens the host application in a context of its own. */
export async function open(browser, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.messages = [];
  page.on("console", (message) => page.messages.push(message.text()));
  page.on("pageerror", (error) => page.messages.push(`page error: ${error.message}`));
  await page.goto(HOST);
  await loaded(page);
  return page;
}

/** Shows a page of an extension in the host application and returns its frame, connected. */
export async function show(page, options = {}, place = "extension") {
  const known = new Set(page.frames());
  await page.evaluate(([options, place]) => void window.show(options, place), [options, place]);
  const frame = await until(() => page.frames().find((frame) => !known.has(frame)), "a frame");
  return frame;
}

export async function connected(page, options = {}, place = "extension") {
  const frame = await show(page, options, place);
  await bootstrapped(frame);
  return frame;
}

/** Waits for the host's first message. A string would be evaluated, which the page's policy blocks. */
export const bootstrapped = (frame) => until(() => frame.evaluate(() => window.bootstrap !== undefined), "bootstrap");

/** Replaces the document of a frame. The frame may be gone before the call that replaces it has its result. */
export const leave = (frame, url) => frame.evaluate((url) => void (location.href = url), url).catch(() => undefined);

export const events = (page, type) =>
  page.evaluate((type) => window.events.filter(([of]) => of === type).map(([, value]) => value), type);

/** Fails after a time that no case needs: a page that hangs would stop all others. */
async function late() {
  await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  throw new Error("not in 60 s");
}

export const launch = () =>
  chromium.launch({
    executablePath: env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });

export async function run() {
  const browser = await launch();
  let failures = 0;
  for (const [name, run] of cases) {
    try {
      await Promise.race([run(browser), late()]);
      console.log(`ok ${name}`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED ${name}: ${error.stack}`);
    }
    for (const context of browser.contexts()) await context.close();
  }
  await browser.close();
  exit(failures === 0 ? 0 : 1);
}
