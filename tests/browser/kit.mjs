// The UI kit, in the gallery: accessibility, keyboard, themes, layout, forms, tables.
import { mkdirSync } from "node:fs";
import { env } from "node:process";
import { axe, connected, equal, ok, open, run, test, until } from "./lib.mjs";

const THEMES = {
  light: { "--alga-color-scheme": "light" },
  dark: { "--alga-color-scheme": "dark" },
};
const TABS = ["Forms", "Actions", "Content", "Table"];

async function gallery(page, options = {}) {
  const hashes = await page.evaluate(async () => (await (await fetch("/settings")).json()).hashes);
  return connected(page, { extension: "com.example.gallery", contentHash: hashes.gallery, ...options });
}

const select = (frame, index) => frame.evaluate((index) => {
  const tabs = document.querySelector("alga-tabs");
  tabs.selected = index;
  return tabs.updateComplete;
}, index);

for (const [theme, tokens] of Object.entries(THEMES)) {
  test(`axe finds nothing in the ${theme} theme`, async (browser) => {
    const page = await open(browser, { viewport: { width: 1280, height: 900 } });
    const frame = await gallery(page, { theme: tokens });
    await frame.evaluate(axe());
    for (const [index, tab] of TABS.entries()) {
      await select(frame, index);
      const { violations } = await frame.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
      equal(violations.map(({ id, nodes }) => [id, nodes[0].html.slice(0, 160), nodes[0].failureSummary]), [], `${tab}`);
      await screenshot(page, `kit-${tab.toLowerCase()}-${theme}`);
    }
    await select(frame, 1);
    await frame.locator("#open").click();
    const { violations } = await frame.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
    equal(violations.map(({ id, nodes }) => [id, nodes[0].html.slice(0, 160)]), [], "dialog");
    equal(page.messages, [], "messages of the console");
  });
}

test("nothing overflows or overlaps at 360, 768 and 1440 pixels, from left and from right", async (browser) => {
  for (const width of [360, 768, 1440]) {
    for (const direction of ["ltr", "rtl"]) {
      const page = await open(browser, { viewport: { width, height: 800 } });
      const frame = await gallery(page);
      await frame.evaluate((direction) => (document.documentElement.dir = direction), direction);
      for (const [index, tab] of TABS.entries()) {
        await select(frame, index);
        const found = await frame.evaluate(() => {
          const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
          const shown = [...document.querySelectorAll("alga-tab[active] > *, alga-tab[active] form > *, .row > *")].filter((element) => element.checkVisibility());
          const boxes = shown.map((element) => [element, element.getBoundingClientRect()]);
          const overlaps = boxes.flatMap(([a, one], at) =>
            boxes.slice(at + 1).filter(([b, other]) => !a.contains(b) && !b.contains(a) && one.right > other.left + 1 && other.right > one.left + 1 && one.bottom > other.top + 1 && other.bottom > one.top + 1).map(([b]) => `${a.localName} ${b.localName}`),
          );
          return [wide, overlaps];
        });
        equal(found, [0, []], `${width} ${direction} ${tab}`);
      }
      await page.context().close();
    }
  }
});

test("a form is filled, corrected and sent with the keyboard alone", async (browser) => {
  const page = await open(browser);
  const frame = await gallery(page);
  const key = (name) => page.keyboard.press(name);
  await frame.locator("alga-input[name=name]").evaluate((element) => element.focus());
  await key("Enter");
  await until(() => frame.evaluate(() => document.querySelector("alga-form").shadowRoot.querySelector("[role=alert]") !== null), "the summary of errors");
  equal(await frame.evaluate(() => document.activeElement.getAttribute("name")), "name", "the focus");
  await page.keyboard.type("Ada");
  await key("Tab");
  await page.keyboard.type("ada@example.com");
  for (let tab = 0; tab < 2; tab += 1) await key("Tab");
  await page.keyboard.type("a note");
  await key("Tab");
  await page.keyboard.type("Plus");
  await key("Tab");
  await page.keyboard.type("ger");
  await key("ArrowDown");
  await key("Enter");
  await key("Tab");
  await key("ArrowDown");
  await key("Tab");
  await key("Space");
  await key("Tab");
  await key("Space");
  await key("Tab");
  await key("Enter");
  await until(() => frame.evaluate(() => window.submitted !== undefined), "the form is sent");
  equal(await frame.evaluate(() => window.submitted), {
    name: "Ada", email: "ada@example.com", count: "3", note: "a note", plan: "plus", country: "ge", term: "year", terms: "on",
  });
});

test("dialog, menu and tabs follow their patterns", async (browser) => {
  const page = await open(browser);
  const frame = await gallery(page);
  const key = (name) => page.keyboard.press(name);
  const active = () => frame.evaluate(() => {
    let element = document.activeElement;
    while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element.getAttribute("aria-label") ?? element.closest("alga-button")?.id ?? element.textContent.trim();
  });
  await frame.locator("alga-tabs").evaluate((tabs) => tabs.shadowRoot.querySelector("button").focus());
  await key("ArrowRight");
  equal(await active(), "Actions");
  await key("End");
  equal(await active(), "Table");
  await key("ArrowRight");
  await key("ArrowRight");
  equal(await active(), "Actions");
  await frame.locator("#open").evaluate((button) => button.focus());
  await key("Enter");
  await until(() => frame.evaluate(() => document.querySelector("alga-dialog").open), "the dialog");
  equal(await active(), "Close");
  await key("Escape");
  await until(() => frame.evaluate(() => !document.querySelector("alga-dialog").open), "the dialog closes");
  equal(await frame.evaluate(() => document.activeElement.id), "open", "the focus returns");
  await frame.locator("alga-menu").evaluate((menu) => menu.shadowRoot.querySelector(".trigger").focus());
  await key("ArrowDown");
  equal(await active(), "Copy");
  await key("d");
  equal(await active(), "Delete");
  await frame.evaluate(() => document.querySelector("alga-menu").addEventListener("alga-choose", (event) => (window.chosen = event.detail.id)));
  await key("Enter");
  await until(() => frame.evaluate(() => window.chosen === "delete"), "the choice");
});

test("a table is sorted, filtered, selected, resized and read with the keyboard", async (browser) => {
  const page = await open(browser, { viewport: { width: 1000, height: 900 } });
  const frame = await gallery(page);
  await select(frame, 3);
  const table = frame.locator("alga-table");
  const cell = (row, column) => table.evaluate((table, [row, column]) => table.shadowRoot.querySelectorAll(".body [role=row]")[row]?.children[column]?.textContent.trim(), [row, column]);
  const header = (index) => table.evaluate((table, index) => {
    const header = table.shadowRoot.querySelectorAll("[role=columnheader]")[index];
    return [header.getAttribute("aria-sort"), Math.round(header.getBoundingClientRect().width)];
  }, index);
  await table.evaluate((table) => table.shadowRoot.querySelector("[role=columnheader]").focus());
  const key = (name) => page.keyboard.press(name);
  equal(await header(0), ["none", 100]);
  await key("Enter");
  equal(await header(0), ["ascending", 100]);
  await key("Enter");
  equal([await header(0), await cell(0, 0)], [["descending", 100], "1000"]);
  await key("Shift+ArrowRight");
  equal(await header(0), ["descending", 116]);
  await key("ArrowRight");
  await key("ArrowRight");
  await key("Enter");
  equal([await header(2), await header(0), await cell(0, 2)], [["ascending", 160], ["none", 116], "0.00"]);
  await key("ArrowDown");
  await key("Space");
  equal(await table.evaluate((table) => [...table.selected].length), 1);
  await key("Control+End");
  await until(() => table.evaluate((table) => table.shadowRoot.querySelector(".scroll").scrollTop > 39_000), "the end");
  const active = await table.evaluate((table) => table.shadowRoot.activeElement.parentElement.getAttribute("aria-rowindex"));
  equal(active, "1001");
  ok((await table.evaluate((table) => table.shadowRoot.querySelectorAll("[role=row]").length)) < 60, "rows in the document");
  await table.evaluate((table) => {
    const filter = table.shadowRoot.querySelector("input[type=search]");
    filter.value = "customer 99";
    filter.dispatchEvent(new Event("input"));
    return table.updateComplete;
  });
  equal(await table.evaluate((table) => table.shadowRoot.querySelector("[role=grid]").getAttribute("aria-rowcount")), "12");
  await table.evaluate((table) => {
    table.shadowRoot.querySelector("details input").click();
    return table.updateComplete;
  });
  equal(await table.evaluate((table) => table.shadowRoot.querySelectorAll("[role=columnheader]").length), 3);
  const loads = await table.evaluate(async (table) => {
    const loads = [];
    table.addEventListener("alga-load", (event) => loads.push(event.detail));
    Object.assign(table, { rows: table.rows.slice(0, 100), total: 250, pageSize: 100 });
    await table.updateComplete;
    for (const name of ["Next page", "Next page"]) {
      table.shadowRoot.querySelector(`[aria-label="${name}"]`).click();
      await table.updateComplete;
    }
    return [loads.map(({ offset, limit }) => [offset, limit]), table.shadowRoot.querySelector(".pages span").textContent, table.shadowRoot.querySelector("[aria-label='Next page']").disabled];
  });
  equal(loads, [[[100, 100], [200, 100]], "201–250 / 250", true]);
});

test("the host's theme reaches every element, and motion and contrast follow the user", async (browser) => {
  const page = await open(browser, { reducedMotion: "reduce", contrast: "more" });
  const frame = await gallery(page, { theme: { "--alga-primary": "rgb(10, 20, 30)", "--alga-color-scheme": "light" } });
  await select(frame, 1);
  const color = () => frame.evaluate(() => getComputedStyle(document.querySelector("#open").shadowRoot.querySelector("button")).backgroundColor);
  equal(await color(), "rgb(10, 20, 30)");
  await page.evaluate(() => window.frames_[0].setTheme({ "--alga-primary": "rgb(1, 1, 1)", "--alga-color-scheme": "dark" }));
  await until(async () => (await color()) === "rgb(1, 1, 1)", "the new theme");
  equal(await frame.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(22, 24, 29)", "the dark background");
  await select(frame, 2);
  const animation = await frame.evaluate(() => getComputedStyle(document.querySelector("alga-skeleton").shadowRoot.querySelector("div")).animationName);
  equal(animation, "none");
});

async function screenshot(page, name) {
  const directory = env.SCREENSHOTS;
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: `${directory}/${name}.png` });
}

await run();
