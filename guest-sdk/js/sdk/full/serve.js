/** Connects the default export of an extension with the full engine, as the compact engine does. */

import { console } from "../../engine/script/console.js";

globalThis.console = console;

// The engine ends the body of a stream that fails as if it were complete, and does not report the failure.
globalThis.Response = new Proxy(Response, {
  construct(target, [body, ...rest], newTarget) {
    const content = body instanceof ReadableStream ? reported(body) : body;
    return Reflect.construct(target, [content, ...rest], newTarget);
  },
});

/** Returns the same stream, whose failure is logged. */
function reported(stream) {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        console.error(error);
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Handles requests with what an extension exports: a function, or an object with `fetch`. */
export function serve(exported) {
  const handler = typeof exported?.fetch === "function" ? exported.fetch.bind(exported) : exported;
  if (typeof handler !== "function") {
    throw new TypeError("the extension has no handler; write `export default handler(async (request: Request) => new Response())`");
  }
  addEventListener("fetch", (event) => event.respondWith(respond(handler, event.request)));
}

async function respond(handler, request) {
  try {
    const response = await handler(request);
    if (response instanceof Response) return response;
    throw new TypeError(`the handler has returned ${response === undefined ? "nothing" : "something else"}, not a Response`);
  } catch (error) {
    console.error(error);
    return Response.json({ error: "internal", message: "the extension failed; see its log" }, { status: 500 });
  }
}
