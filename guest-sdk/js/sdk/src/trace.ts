import * as host from "alga:trace/tracer";
import { isHostError } from "./errors.ts";

/** Attributes of a span. */
export type Attributes = Record<string, string | number | boolean>;

/** A span in progress. */
export class Span {
  #number: number | undefined;

  /** Begins a span inside another one, or else inside the innermost one that is in progress. */
  constructor(name: string, parent?: Span) {
    const inside = parent === undefined ? undefined : parent.#number;
    this.#number = accepted(() => host.begin(String(name).toWellFormed(), inside));
  }

  /** Sets attributes. */
  set(attributes: Attributes): void {
    const number = this.#number;
    if (number !== undefined) accepted(() => host.annotate(number, list(attributes)));
  }

  /** Ends the span. It has failed if a reason is given. */
  end(failure?: unknown): void {
    const number = this.#number;
    this.#number = undefined;
    const reason = failure === undefined ? undefined : described(failure);
    if (number !== undefined) accepted(() => host.end(number, reason));
  }
}

/**
 * Does work inside a span, which ends with it and fails with what it throws. Calls of the host and requests to other
 * hosts appear in the span. Work that is done at the same time as other work names its parent.
 */
export async function span<T>(name: string, work: (span: Span) => T | Promise<T>, parent?: Span): Promise<T> {
  const own = new Span(name, parent);
  try {
    const done = await work(own);
    own.end();
    return done;
  } catch (error) {
    own.end(error ?? "a value without a text was thrown");
    throw error;
  }
}

/** Sets attributes of the execution's own span. */
export function set(attributes: Attributes): void {
  accepted(() => host.annotate(undefined, list(attributes)));
}

/** Returns the innermost span in progress as the field `traceparent` names it, if the execution is traced. */
export function traceparent(): string | undefined {
  return host.traceparent();
}

function list(attributes: Attributes): host.Attribute[] {
  return Object.entries(attributes).map(([name, value]) => ({ name, value: String(value).toWellFormed() }));
}

/** Returns the text of what was thrown: some values have none, and the reason must not replace the failure. */
function described(failure: unknown): string {
  try {
    return String(failure).toWellFormed();
  } catch {
    return typeof failure;
  }
}

function accepted<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    // A full trace must not fail the work that it describes.
    if (!isHostError(error)) throw error;
    return undefined;
  }
}
