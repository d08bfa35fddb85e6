// Events (DOM Standard, 2), as far as abort signals need them, and `DOMException` (Web IDL, 2.8).

import { describeError, log } from "alga:native";

const CODES = { AbortError: 20, DataCloneError: 25, InvalidCharacterError: 5, NotSupportedError: 9, QuotaExceededError: 22, TimeoutError: 23 };

export class DOMException extends Error {
  #name;
  constructor(message = "", name = "Error") {
    super(message);
    this.#name = String(name);
  }
  get name() {
    return this.#name;
  }
  get code() {
    return CODES[this.#name] ?? 0;
  }
}

export class Event {
  #type;
  #canceled = false;
  target = null;
  currentTarget = null;
  cancelable;
  timeStamp = 0;
  constructor(type, options = {}) {
    this.#type = String(type);
    this.cancelable = Boolean(options.cancelable);
  }
  get type() {
    return this.#type;
  }
  get defaultPrevented() {
    return this.#canceled;
  }
  preventDefault() {
    if (this.cancelable) this.#canceled = true;
  }
}

export class EventTarget {
  #listeners = [];
  addEventListener(type, callback, options = {}) {
    if (callback === null || callback === undefined) return;
    const once = typeof options === "object" && Boolean(options?.once);
    const isKnown = this.#listeners.some((other) => other.type === type && other.callback === callback);
    if (!isKnown) this.#listeners.push({ type, callback, once });
  }
  removeEventListener(type, callback) {
    this.#listeners = this.#listeners.filter((other) => other.type !== type || other.callback !== callback);
  }
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    for (const listener of [...this.#listeners]) {
      if (listener.type !== event.type) continue;
      if (listener.once) this.removeEventListener(listener.type, listener.callback);
      report(() => {
        const { callback } = listener;
        if (typeof callback === "function") callback.call(this, event);
        else callback.handleEvent(event);
      });
    }
    return !event.defaultPrevented;
  }
}

/** Runs a callback; what it throws is logged and does not reach the caller. */
export function report(callback) {
  try {
    callback();
  } catch (error) {
    log("error", `uncaught ${describeError(error)}`);
  }
}
