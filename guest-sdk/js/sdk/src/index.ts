/**
 * Write an alga extension: a handler of requests, a router, and the host's interfaces.
 *
 * @example
 * import { Router, context, handler, log } from "@alga/sdk";
 *
 * const app = new Router();
 * app.get("/hello/:name", (_request, { params }) => {
 *   log.info("sent a greeting");
 *   return { message: `${context.config("greeting") ?? "Hello"}, ${params["name"]}!` };
 * });
 *
 * export default handler(app);
 */

// A namespace is either used or not: each imports one interface of the host, so that an extension asks for no
// capability that it does not use.
export * as clients from "./clients.ts";
export * as context from "./context.ts";
export * as invoicing from "./invoicing.ts";
export * as kv from "./kv.ts";
export * as log from "./log.ts";
export * as metrics from "./metrics.ts";
export * as reveal from "./reveal.ts";
export * as secrets from "./secrets.ts";
export * as services from "./services.ts";
export * as trace from "./trace.ts";
export * as uiProxy from "./ui-proxy.ts";
export * as user from "./user.ts";
export { BadRequest, Conflict, Denied, HttpError, Invalid, NotFound, StorageFull, TooLarge, Unavailable, isHostError } from "./errors.ts";
export { handler, json, type Returned, type Handler } from "./handler.ts";
export { Router, type RouteContext, type RouteHandler } from "./router.ts";
