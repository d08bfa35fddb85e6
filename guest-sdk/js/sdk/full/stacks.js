/** Errors on the console with the author's positions: the engine's own text has neither stack nor file. */

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

function described(error, causes = 0) {
  const stack = String(error.stack ?? "").trim();
  const lines = stack === "" ? [] : stack.replace(AT, (whole, line, column) => original(+line, +column) ?? whole).split("\n");
  const text = [`${error.name}: ${error.message}`, ...lines.map((line) => `    at ${line}`)].join("\n");
  const { cause } = error;
  return cause instanceof Error && causes < CAUSES ? `${text}\ncaused by ${described(cause, causes + 1)}` : text;
}

/** Lets `console` describe errors. */
export function describeErrors() {
  for (const level of ["debug", "log", "info", "warn", "error"]) {
    const own = console[level];
    const shown = (value) => (value instanceof Error ? described(value) : value);
    console[level] = (...values) => own.apply(console, values.map(shown));
  }
}
