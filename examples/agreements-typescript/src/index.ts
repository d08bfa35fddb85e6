// Service agreements in key/value storage: list, create, read, change, delete. Every input is checked before it is
// stored, and a change specifies the revision that it is based on, so that concurrent editors do not overwrite each
// other. `examples/agreements` is the same in Rust.

import { BadRequest, Invalid, NotFound, Router, context, handler, json, kv, log } from "@alga/sdk";

interface Agreement {
  title: string;
  client: string;
  monthly_cents: number;
}

const agreements = new kv.Namespace<Agreement>("agreements");
const PAGE = 20;

const app = new Router();

app.get("/agreements", async (_request, { url }) => {
  const cursor = url.searchParams.get("cursor");
  const page = await agreements.list({ limit: PAGE, ...(cursor === null ? {} : { cursor }) });
  return { agreements: page.entries.map(shown), next_cursor: page.nextCursor ?? null };
});

app.post("/agreements", async (request) => {
  const agreement = checked(await json(request));
  // The request id as the key: a retry with the same `x-request-id` cannot create a second agreement.
  const id = context.current().requestId;
  const revision = await agreements.create(id, agreement);
  log.info("agreement created", { id, client: agreement.client });
  return Response.json({ id, revision, ...agreement }, { status: 201 });
});

app.get("/agreements/:id", async (_request, { params }) => shown(await find(params["id"] ?? "")));

app.put("/agreements/:id", async (request, { params, url }) => {
  const id = params["id"] ?? "";
  const base = Number(url.searchParams.get("revision") ?? Number.NaN);
  if (!Number.isSafeInteger(base)) {
    throw new BadRequest("missing or invalid `?revision=…`: send the revision that the change is based on");
  }
  const agreement = checked(await json(request));
  await find(id);
  const revision = await agreements.put(id, agreement, { ifRevision: base });
  return { id, revision, ...agreement };
});

app.delete("/agreements/:id", async (_request, { params }) => {
  const id = params["id"] ?? "";
  if (!(await agreements.delete(id))) throw missing(id);
});

export default handler(app);

async function find(id: string): Promise<kv.Entry<Agreement>> {
  const entry = await agreements.get(id);
  if (entry === undefined) throw missing(id);
  return entry;
}

function missing(id: string): NotFound {
  return new NotFound(`agreement ${id} does not exist`);
}

function shown({ key, revision, value }: kv.Entry<Agreement>): object {
  return { id: key, revision, ...value };
}

/** Returns the input as an agreement without other fields; a field that violates a rule is a 422. */
function checked(input: unknown): Agreement {
  if (typeof input !== "object" || input === null) throw new BadRequest("the request body is not an agreement");
  const { title, client, monthly_cents, ...others } = input as Partial<Agreement>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new BadRequest(`the request body has the unknown field \`${unknown}\``);
  const rule = (holds: boolean, text: string): void => {
    if (!holds) throw new Invalid(text);
  };
  const isText = (value: unknown): value is string => typeof value === "string" && value.length >= 1 && [...value].length <= 200;
  if (!isText(title)) throw new Invalid("title must have 1 to 200 characters");
  if (!isText(client)) throw new Invalid("client must have 1 to 200 characters");
  if (typeof monthly_cents !== "number") throw new BadRequest("monthly_cents is missing or not a number");
  rule(Number.isInteger(monthly_cents) && monthly_cents >= 0 && monthly_cents <= 100_000_000, "monthly_cents must be at most 100000000");
  return { title, client, monthly_cents };
}
