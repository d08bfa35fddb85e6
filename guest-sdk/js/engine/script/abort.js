// Abort signals (DOM Standard, 3).

import { DOMException, Event, EventTarget, report } from "alga:web/events";
import { setTimeout } from "alga:web/timers";

const CONSTRUCT = Symbol("construct");

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  onabort = null;
  constructor(key) {
    if (key !== CONSTRUCT) throw new TypeError("an AbortSignal is made by an AbortController");
    super();
  }
  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  static abort(reason) {
    const signal = new AbortSignal(CONSTRUCT);
    AbortSignal.#abort(signal, reason);
    return signal;
  }
  static timeout(milliseconds) {
    const signal = new AbortSignal(CONSTRUCT);
    const reason = new DOMException("the operation timed out", "TimeoutError");
    setTimeout(() => AbortSignal.#abort(signal, reason), milliseconds);
    return signal;
  }
  static any(signals) {
    const any = new AbortSignal(CONSTRUCT);
    for (const signal of signals) {
      if (signal.aborted) {
        AbortSignal.#abort(any, signal.reason);
        break;
      }
      signal.addEventListener("abort", () => AbortSignal.#abort(any, signal.reason), { once: true });
    }
    return any;
  }
  static #abort(signal, reason = new DOMException("the operation was aborted", "AbortError")) {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason;
    const event = new Event("abort");
    if (typeof signal.onabort === "function") report(() => signal.onabort(event));
    signal.dispatchEvent(event);
  }
  static make(key) {
    if (key !== CONSTRUCT) throw new TypeError("an AbortSignal is made by an AbortController");
    const signal = new AbortSignal(CONSTRUCT);
    return [signal, (reason) => AbortSignal.#abort(signal, reason)];
  }
}

const { make } = AbortSignal;
delete AbortSignal.make;

export class AbortController {
  #signal;
  #abort;
  constructor() {
    [this.#signal, this.#abort] = make(CONSTRUCT);
  }
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    this.#abort(reason);
  }
}
