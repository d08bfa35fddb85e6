// A user's journey: the page of the example in a host application.
import { mkdirSync, statSync } from "node:fs";
import { env } from "node:process";
import { axe, equal, events, ok, open, run, show, test, until } from "./lib.mjs";

async function agreements(page, options = {}) {
  const hashes = await page.evaluate(async () => (await (await fetch("/settings")).json()).hashes);
  const frame = await show(page, { extension: "com.example.agreements", contentHash: hashes.agreements, ...options });
  await until(() => frame.evaluate(() => document.querySelector("#loading")?.hidden === true), "the list");
  return frame;
}

const titles = (frame) => frame.evaluate(() => document.querySelector("alga-table").rows.map(({ title }) => title));
const isOpen = (frame) => frame.evaluate(() => document.querySelector("alga-dialog").open);

/** Types into the fields of the dialog, from the focused one on. */
async function fill(page, ...values) {
  for (const value of values) {
    await page.keyboard.type(value);
    await page.keyboard.press("Tab");
  }
}

test("a user lists, creates, corrects and sees agreements with the keyboard alone", async (browser) => {
  const page = await open(browser, { viewport: { width: 900, height: 640 } });
  const frame = await agreements(page);
  await until(() => frame.evaluate(() => !document.querySelector("alga-empty").hidden), "the empty list");
  await frame.evaluate(() => document.querySelector("#new").focus());
  await page.keyboard.press("Enter");
  await until(() => isOpen(frame), "the dialog");
  await page.keyboard.press("Tab");
  await fill(page, "Support");
  await page.keyboard.press("Enter");
  // The client is missing.
  await until(() => frame.evaluate(() => document.activeElement.getAttribute("name") === "client"), "the focus on the error");
  ok(await isOpen(frame), "the dialog stays open");
  await fill(page, "Globex", "49.90");
  await page.keyboard.press("Enter");
  await until(async () => (await titles(frame)).includes("Support"), "the new agreement");
  ok(!(await isOpen(frame)), "the dialog closes");
  equal(await events(page, "navigate"), ["/agreements/new", "/agreements"]);
  // A rule of the handler alone.
  await frame.evaluate(() => document.querySelector("#new").focus());
  await page.keyboard.press("Enter");
  await until(() => isOpen(frame), "the dialog again");
  await page.keyboard.press("Tab");
  await fill(page, "Everything", "Initech", "2000000");
  await page.keyboard.press("Enter");
  await until(() => frame.evaluate(() => document.querySelector("alga-input[name=monthly]").validationMessage.includes("at most")), "the server's error");
  await page.keyboard.press("Escape");
  equal(await titles(frame), ["Support"]);
});

test("the page follows the host's theme, and its frame its height", async (browser) => {
  const page = await open(browser, { viewport: { width: 900, height: 640 } });
  const frame = await agreements(page, { theme: { "--alga-color-scheme": "light" } });
  await until(async () => (await titles(frame)).length > 0, "the list");
  await until(async () => (await events(page, "resize")).length > 0, "the height");
  const [height, wanted] = await page.evaluate(() => [document.querySelector("iframe").clientHeight, window.events.findLast(([type]) => type === "resize")[1]]);
  equal(height, wanted);
  await screenshot(page, "agreements-light");
  await page.evaluate(() => window.frames_[0].setTheme({ "--alga-color-scheme": "dark", "--alga-primary": "#7fd79a", "--alga-on-primary": "#06301a" }));
  await until(() => frame.evaluate(() => getComputedStyle(document.body).backgroundColor === "rgb(22, 24, 29)"), "the dark theme");
  await frame.evaluate(axe());
  const { violations } = await frame.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
  equal(violations.map(({ id }) => id), [], "axe");
  await screenshot(page, "agreements-dark");
  equal(page.messages, [], "messages of the console");
});

test("a path of the host's address bar is a route of the page", async (browser) => {
  const page = await open(browser);
  const frame = await agreements(page, { path: "/agreements/new" });
  await until(() => isOpen(frame), "the dialog");
});

async function screenshot(page, name) {
  const path = `${env.SCREENSHOTS}/${name}.png`;
  mkdirSync(env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path });
  ok(statSync(path).size <= 200_000, `${name}: at most 200 kB`);
}

await run();
