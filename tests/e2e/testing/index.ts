import { NotFound, Router, Unavailable, handler, kv, json, log, metrics, secrets, uiProxy, user } from "@alga/sdk";
import { traced } from "./spans.ts";

const app = new Router();
const notes = new kv.Namespace<{ text: string }>("notes");

app.put("/notes/:key", async (request, { params }) => {
  const note = await json<{ text: string }>(request);
  const revision = await notes.put(params["key"] ?? "", note, { ttlSeconds: 3600 });
  const body = JSON.stringify(note);
  const sent = await fetch("https://hooks.example.com/notes", { method: "POST", body, secrets: [secrets.bearer("token")] });
  metrics.add("notes", 1);
  log.info("stored a note", { status: sent.status });
  return { revision };
});

app.get("/notes/:key", async (_request, { params }) => {
  const note = await notes.get(params["key"] ?? "");
  if (note === undefined) throw new NotFound("there is no such note");
  return note.value;
});

app.get("/rate", async () => {
  const response = await fetch("https://rates.example.com/v1?currency=EUR").catch((error: Error) => {
    throw new Unavailable(error.message);
  });
  return new Response(response.body, { status: response.status, headers: response.headers });
});

app.get("/nap", async () => {
  const before = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 60 * 60 * 1000));
  return { before: new Date(before).toISOString(), slept: Date.now() - before };
});

// A request that is in time, whatever other requests wait for.
app.get("/in-time", async () => {
  const late = new Promise((resolve) => setTimeout(() => resolve("late"), 500));
  return { first: await Promise.race([late, fetch("https://rates.example.com/v1?currency=EUR").then(() => "in time")]) };
});

app.post("/echo", async (request) => ({
  type: request.headers.get("content-type"),
  text: await request.text(),
  length: request.headers.get("content-length"),
}));

app.get("/ttl", async () => {
  await notes.put("ttl", { text: "" }, { ttlSeconds: 60 });
  await new Promise((resolve) => setTimeout(resolve, 59_500));
  return { left: (await notes.get("ttl"))?.expiresInSeconds };
});

app.get("/race", async () => {
  const slow = new Promise((resolve) => setTimeout(() => resolve("timer"), 50));
  return { first: await Promise.race([slow, notes.get("a").then(() => "storage")]) };
});

app.get("/ticket", async () => (await uiProxy.call("ticket", { parameters: { id: "7" } })).json());

app.get("/who", () => user.current() ?? { name: "nobody" });

app.get("/loop", () => {
  for (;;);
});

app.get("/spans", traced);

export default handler(app);
