/** What the scripts of the compact engine need of their engine, for the full one. */

import { emit } from "alga:log/logger";

/** Where `alga build` leaves the positions, in the format of `guest-sdk/js/engine/src/source_map.rs`. */
const POSITIONS = Symbol.for("alga.positions");
/** Position in the module that the engine was built with. */
const AT = /(?:\S*\/)?source\.js:(\d+):(\d+)/g;
/** Causes of an error that are shown. */
const CAUSES = 8;

let parsed;

function positions() {
  if (parsed === undefined) {
    const [files, rows] = (globalThis[POSITIONS] ?? "\n\n").split("\n\n");
    parsed = { files: files.split("\n"), rows: rows.split("\n").map((row) => row.split(" ").map(Number)) };
  }
  return parsed;
}

function original(line, column) {
  const { files, rows } = positions();
  const found = rows.findLast(([at, from]) => at === line - 1 && from <= column - 1);
  return found && `${files[found[2]]}:${found[3] + 1}:${found[4] + 1}`;
}

/** Describes an error with its stack, which has the author's positions, and with its causes. */
export function describeError(error, causes = 0) {
  const stack = String(error.stack ?? "").trim();
  const lines = stack === "" ? [] : stack.replace(AT, (whole, line, column) => original(+line, +column) ?? whole).split("\n");
  const text = [`${error.name}: ${error.message}`, ...lines.map((line) => `    at ${line}`)].join("\n");
  const { cause } = error;
  return cause instanceof Error && causes < CAUSES ? `${text}\ncaused by ${describeError(cause, causes + 1)}` : text;
}

/** Writes into the log of the execution; a full log must not fail the work that it describes. */
export function log(level, text) {
  try {
    emit(level, text, []);
  } catch (error) {
    if (error?.name !== "HostError") throw error;
  }
}

/** Returns milliseconds since the start. */
export function monotonic() {
  return performance.now();
}
