// Timers (HTML Standard, 8.6). Clocks have steps of a millisecond.

import { isExecuting, startTimer, stopTimer } from "alga:native";

function start(callback, delay, repeats, args) {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function");
  if (!isExecuting()) {
    throw new Error("a timer was started while the extension was built\nhint: start it in the handler");
  }
  const run = args.length === 0 ? callback : () => callback(...args);
  return startTimer(run, Number(delay) || 0, repeats);
}

export function setTimeout(callback, delay = 0, ...args) {
  return start(callback, delay, false, args);
}

export function setInterval(callback, delay = 0, ...args) {
  return start(callback, delay, true, args);
}

export function clearTimeout(id) {
  if (typeof id === "number") stopTimer(id);
}
