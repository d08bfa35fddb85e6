import { config } from "alga:context/execution";
import { fetch } from "alga:http/client";

export default async () => {
  const origin = config("greeting");
  await check("post", async () => {
    const body = JSON.stringify({ hello: "world" });
    const response = await fetch(`${origin}/echo?q=a%20b`, { method: "post", headers: { "x-custom": "yes", "content-type": "application/json" }, body, timeout: 5000 });
    const seen = await response.json();
    return [response.status, response.ok, response.url === `${origin}/echo?q=a%20b`, seen.method, seen.headers["x-custom"], seen.body_bytes];
  });
  await check("methods", async () => {
    const statuses = await Promise.all(["GET", "PUT", "PATCH", "DELETE"].map((method) => fetch(origin, { method })));
    return statuses.map(({ status }) => status);
  });
  await check("stream", async () => {
    let length = 0;
    const response = await fetch(`${origin}/echo`, { method: "POST", body: "a".repeat(300_000) });
    for await (const chunk of response.body) length += chunk.length;
    return length > 0;
  });
  await check("redirect", async () => {
    const { status, headers, redirected } = await fetch(`${origin}/redirect`);
    return [status, headers.has("location"), redirected];
  });
  await check("redirect as an error", () => fetch(`${origin}/redirect`, { redirect: "error" }));
  await check("redirect followed", () => fetch(`${origin}/redirect`, { redirect: "follow" }));
  await check("aborted", () => fetch(origin, { signal: AbortSignal.abort() }));
  await check("aborted later", () => {
    const controller = new AbortController();
    const response = fetch(origin, { signal: controller.signal });
    controller.abort(new Error("the author's reason"));
    return response;
  });
  for (const url of ["https://evil.example.com/", "http://api.example.com.evil/", "http://127.0.0.1/", "ftp://api.example.com/", "nonsense"]) {
    await check(url, async () => (await fetch(url)).status);
  }
  return report();
};
