import { BadRequest, NotFound } from "./errors.ts";
import { type Returned, type Handler } from "./handler.ts";

/** What a route's function gets beside the request. */
export interface RouteContext {
  /** Decoded values of the `:name` segments. */
  params: Record<string, string>;
  /** Parsed URL of the request. */
  url: URL;
}

/** Function of a route. */
export type RouteHandler = (request: Request, context: RouteContext) => Returned | Promise<Returned>;

interface Route {
  method: string;
  segments: string[];
  handle: RouteHandler;
}

/**
 * Calls the function of the most specific route: from left to right, a literal segment wins over `:name`,
 * regardless of order. The gateway applies the same rule to the endpoints of the manifest.
 */
export class Router {
  #routes: Route[] = [];

  get(path: string, handle: RouteHandler): this {
    return this.route("GET", path, handle);
  }

  post(path: string, handle: RouteHandler): this {
    return this.route("POST", path, handle);
  }

  put(path: string, handle: RouteHandler): this {
    return this.route("PUT", path, handle);
  }

  patch(path: string, handle: RouteHandler): this {
    return this.route("PATCH", path, handle);
  }

  delete(path: string, handle: RouteHandler): this {
    return this.route("DELETE", path, handle);
  }

  /** Adds a route for any method. */
  route(method: string, path: string, handle: RouteHandler): this {
    if (!path.startsWith("/")) throw new TypeError(`the path \`${path}\` of a route must begin with a slash`);
    this.#routes.push({ method: method.toUpperCase(), segments: path.split("/").slice(1), handle });
    return this;
  }

  /** Handles a request; 404 if no route has its path, 405 if only routes of other methods have it. */
  readonly handle: Handler = (request) => {
    const url = new URL(request.url);
    const segments = url.pathname.split("/").slice(1);
    const decoded = segments.map(literal);
    const matching = this.#routes.filter((route) => matches(route, decoded));
    const ofMethod = matching.filter(({ method }) => method === request.method || (method === "GET" && request.method === "HEAD"));
    const [route] = ofMethod.sort((one, other) => compare(one, other));
    if (route !== undefined) return route.handle(request, { params: params(route, segments), url });
    if (matching.length === 0) throw new NotFound("no route has this path");
    const allow = [...new Set(matching.map(({ method }) => method))].sort().join(", ");
    const message = "no route of this path has this method";
    return Response.json({ error: "method_not_allowed", message }, { status: 405, headers: { allow } });
  };
}

function isParameter(segment: string): boolean {
  return segment.startsWith(":");
}

/** Returns a segment as literal ones are written; one that is not UTF-8 equals none. */
function literal(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function matches(route: Route, segments: string[]): boolean {
  if (route.segments.length !== segments.length) return false;
  return route.segments.every((segment, index) => (isParameter(segment) ? segments[index] !== "" : segment === segments[index]));
}

/** Orders the more specific route first. */
function compare(one: Route, other: Route): number {
  const different = one.segments.findIndex((segment, index) => isParameter(segment) !== isParameter(other.segments[index] ?? ""));
  if (different < 0) return 0;
  return isParameter(one.segments[different] ?? "") ? 1 : -1;
}

function params(route: Route, segments: string[]): Record<string, string> {
  const pairs = route.segments.flatMap((segment, index) => {
    if (!isParameter(segment)) return [];
    const name = segment.slice(1);
    try {
      return [[name, decodeURIComponent(segments[index] ?? "")]];
    } catch (error) {
      throw new BadRequest(`the segment \`:${name}\` of the path is not UTF-8`, { cause: error });
    }
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
