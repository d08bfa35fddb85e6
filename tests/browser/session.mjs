// A browser signs in with a one-time link, as its operator does, and signs out.
import { env } from "node:process";
import { ALGA, equal, ok, run, test } from "./lib.mjs";

test("a link signs a browser in, and its session is for pages of the platform alone", async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${ALGA}${env.LINK}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${ALGA}/auth/session`);
  const session = JSON.parse(await page.locator("body").innerText());
  equal([session.kind, session.actor], ["operator", "operator"]);
  const [cookie] = await context.cookies();
  equal([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], ["__Host-alga-session", true, true, "Strict"]);
  // A script of the platform's own pages reads, and changes with the token.
  const post = (headers) => page.evaluate(async (headers) => (await fetch("/auth/logout", { method: "POST", headers })).status, headers);
  equal(await page.evaluate(async () => (await fetch("/v1/registry/audit")).status), 200);
  equal(await post({}), 403);
  // Another site's form reaches nothing: the browser sends no cookie, and names the origin.
  const other = await context.newPage();
  await other.goto(env.HOST);
  const answered = other.waitForResponse((response) => response.url().endsWith("/auth/logout"));
  await other.evaluate((action) => {
    const form = Object.assign(document.createElement("form"), { method: "post", action });
    document.body.append(form);
    form.submit();
  }, `${ALGA}/auth/logout`).catch(() => undefined);
  ok([401, 403].includes((await answered).status()), "the form of another site");
  equal(await post({ "x-alga-csrf": session.csrf }), 204);
  equal(await page.evaluate(async () => (await fetch("/auth/session")).status), 401);
});

await run();
