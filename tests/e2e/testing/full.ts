import { get, put } from "alga:storage/kv";
import { Router, handler, json, kv, log, user } from "@alga/sdk";
import { traced } from "./spans.ts";

const app = new Router();
const numbers = new kv.Namespace<number>("numbers");

app.get("/random", () => ({ random: Math.random(), uuid: crypto.randomUUID() }));

app.post("/count/:key", async (request, { params }) => {
  const key = params["key"] ?? "";
  const [entry, added] = [await numbers.get(key), await json<number>(request)];
  const number = (entry?.value ?? 0) + added;
  const revision = await numbers.put(key, number, { ifRevision: entry?.revision ?? 0 });
  return { number, revision, usage: (await numbers.usage()).keys };
});

app.get("/conflict", async () => {
  await numbers.put("conflict", 1);
  await numbers.create("conflict", 2);
});

app.get("/rate", async () => (await fetch("https://rates.example.com/v1")).json());

app.get("/timeout", async () => {
  const failed = await fetch("https://rates.example.com/v1", { timeout: 5 }).catch((error: Error) => error.message);
  return String(failed);
});

app.get("/nap", async () => {
  const before = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 60 * 60 * 1000));
  return { slept: Date.now() - before };
});

app.get("/digest", async () => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc"));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
});

app.get("/who", () => {
  console.warn("asked for %s", "the user", { a: 1 });
  log.info("asked", { by: user.current()?.name ?? "" });
  return user.current() ?? {};
});

app.get("/half", () => {
  let parts = 0;
  const body = new ReadableStream({
    pull(controller) {
      parts += 1;
      if (parts > 3) throw new Error("the stream failed");
      controller.enqueue(new TextEncoder().encode("part"));
    },
  });
  return new Response(body);
});

app.get("/stream", () => {
  let parts = 0;
  const pull = (controller: ReadableStreamDefaultController) => {
    parts += 1;
    controller.enqueue(new TextEncoder().encode(`part ${parts}\n`));
    if (parts === 3) controller.close();
  };
  return new Response(new ReadableStream({ pull }));
});

app.get("/direct", () => {
  const attempts: Array<() => unknown> = [
    () => put("numbers", "d", new TextEncoder().encode("1"), {} as never),
    () => put("numbers", "d", new TextEncoder().encode("1"), { ifRevision: 1.5 } as never),
    () => put("numbers", "d", "text" as never, {} as never),
    () => Object.keys(get("numbers", "d") ?? {}),
  ];
  return attempts.map((attempt) => {
    try {
      return attempt();
    } catch (error) {
      return (error as Error).name;
    }
  });
});

app.get("/spans", traced);

function failing(): never {
  throw new Error("the reason");
}

app.get("/fails", () => failing());

export default handler(app);
