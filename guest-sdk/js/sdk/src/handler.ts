import { BadRequest, Denied, httpError } from "./errors.ts";

/** What a handler may return: a response, a text, a value as JSON, or nothing (204). */
export type Returned = Response | string | object | null | undefined | void;

/** Function that handles a request. */
export type Handler = (request: Request) => Returned | Promise<Returned>;

/**
 * Makes the default export of an extension. An `HttpError` that the function throws, or an error of the host,
 * becomes its response; any other error is logged with its stack, and the client receives 500 without it.
 */
export function handler(handle: Handler | { handle: Handler }): (request: Request) => Promise<Response> {
  const run = typeof handle === "function" ? handle : (request: Request) => handle.handle(request);
  return async (request) => {
    try {
      return response(await run(request));
    } catch (error) {
      return failure(error);
    }
  };
}

/** Parses the body of a request as JSON; anything else is a 400 for the client. */
export async function json<T = unknown>(request: Request): Promise<T> {
  const text = await request.text();
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new BadRequest(`the request body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns what a handler has returned as a response. */
export function response(returned: Returned): Response {
  if (returned instanceof Response) return returned;
  if (returned === undefined || returned === null) return new Response(null, { status: 204 });
  if (typeof returned === "string") return new Response(returned);
  return Response.json(returned);
}

function failure(error: unknown): Response {
  const known = httpError(error);
  if (known === undefined) {
    console.error(error);
    return refusal(500, "internal", "the extension failed; see its log");
  }
  if (known instanceof Denied) {
    console.error(known.message);
    return refusal(403, "denied", "not permitted; see the extension's log");
  }
  return refusal(known.status, known.code, known.message);
}

function refusal(status: number, error: string, message: string): Response {
  return Response.json({ error, message }, { status });
}
