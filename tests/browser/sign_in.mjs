// A browser signs in at an OpenID provider of another site: code flow with PKCE.
import { ALGA, equal, ok, run, test } from "./lib.mjs";

/** Begins to sign in, and returns the link of the provider's page. */
async function begin(page) {
  await page.goto(`${ALGA}/auth/login`);
  return page.getByRole("link", { name: "Continue" });
}

test("a user signs in at the provider and returns with a session", async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const link = await begin(page);
  ok(new URL(page.url()).hostname !== new URL(ALGA).hostname, "the provider is another site");
  const [login] = await context.cookies(ALGA);
  equal([login.name, login.httpOnly, login.secure, login.sameSite], ["__Host-alga-login", true, true, "Lax"]);
  await link.click();
  await page.waitForURL(`${ALGA}/auth/session`);
  const session = JSON.parse(await page.locator("body").innerText());
  equal([session.kind, session.actor], ["operator", "oidc:user-1"]);
  const cookies = await context.cookies(ALGA);
  equal(cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]),
    [["__Host-alga-session", true, true, "Strict"]]);
  equal(await page.evaluate(() => document.cookie), "", "what scripts see");
  equal(await page.evaluate(async () => (await fetch("/v1/registry/audit")).status), 200);
  // The cookie is sent when the page is loaded again.
  await page.reload();
  equal(JSON.parse(await page.locator("body").innerText()).actor, "oidc:user-1");
});

test("a callback that another browser began signs nobody in", async (browser) => {
  const [own, other] = [await browser.newContext(), await browser.newContext()];
  const link = await begin(await own.newPage());
  const callback = await link.getAttribute("href");
  const page = await other.newPage();
  equal((await page.goto(callback)).status(), 401);
  equal((await other.cookies()).length, 0);
  await begin(page);
  equal((await page.goto(callback)).status(), 401, "with a sign-in of its own");
});

await run();
