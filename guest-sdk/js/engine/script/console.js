// The console writes into the log of the execution (Console Standard).

import { describeError, log, monotonic } from "alga:native";

/** Levels of nested objects that are shown. */
const DEPTH = 4;
/** Items of one object that are shown. */
const ITEMS = 100;

const counts = new Map();
const timers = new Map();
let indent = "";

function write(level, values) {
  log(level, (indent + formatted(values)).toWellFormed());
}

/** Returns values as text, with the format specifiers of the first one. */
function formatted(values) {
  if (typeof values[0] !== "string" || !values[0].includes("%")) return values.map((value) => shown(value)).join(" ");
  const rest = values.slice(1);
  const text = values[0].replace(/%[sdifoOcj%]/g, (specifier) => {
    if (specifier === "%%") return "%";
    if (rest.length === 0) return specifier;
    const value = rest.shift();
    if (specifier === "%s") return typeof value === "symbol" ? value.toString() : shown(value);
    if (specifier === "%d" || specifier === "%i") return String(Math.trunc(Number(value)));
    if (specifier === "%f") return String(Number(value));
    if (specifier === "%c") return "";
    return shown(value, "quoted");
  });
  return [text, ...rest.map((value) => shown(value))].join(" ");
}

function shown(value, style = "plain", depth = 0, above = []) {
  if (typeof value === "string") return style === "plain" ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "anonymous"}]`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof Error) return describeError(value);
  if (above.includes(value)) return "[circular]";
  if (depth >= DEPTH) return Array.isArray(value) ? "[array]" : "[object]";
  return nested(value, (item) => shown(item, "quoted", depth + 1, [...above, value]));
}

function nested(value, show) {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise";
  if (Array.isArray(value)) return `[${list(value, show)}]`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength}) [${list(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), show)}]`;
  if (value instanceof Map) return `Map(${value.size}) {${list([...value], ([key, item]) => `${show(key)} => ${show(item)}`)}}`;
  if (value instanceof Set) return `Set(${value.size}) {${list([...value], show)}}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  const prefix = name && name !== "Object" ? `${name} ` : "";
  return `${prefix}{${list(Object.keys(value), (key) => `${key}: ${show(value[key])}`)}}`;
}

function list(items, show) {
  const shownItems = Array.from(items.slice(0, ITEMS), (item) => show(item));
  if (items.length > ITEMS) shownItems.push(`… ${items.length - ITEMS} more`);
  return shownItems.join(", ");
}

export const console = {
  log: (...values) => write("info", values),
  info: (...values) => write("info", values),
  debug: (...values) => write("debug", values),
  warn: (...values) => write("warn", values),
  error: (...values) => write("error", values),
  dir: (value) => write("info", [value]),
  table: (value) => write("info", [value]),
  trace: (...values) => write("debug", [...values, new Error("trace")]),
  assert: (condition, ...values) => {
    if (!condition) write("error", ["assertion failed:", ...values]);
  },
  count: (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    write("info", [`${label}: ${counts.get(label)}`]);
  },
  countReset: (label = "default") => counts.delete(label),
  group: (...values) => {
    if (values.length > 0) write("info", values);
    indent += "  ";
  },
  groupCollapsed: (...values) => console.group(...values),
  groupEnd: () => {
    indent = indent.slice(2);
  },
  time: (label = "default") => timers.set(label, monotonic()),
  timeLog: (label = "default") => write("info", [`${label}: ${Math.round(monotonic() - (timers.get(label) ?? monotonic()))} ms`]),
  timeEnd: (label = "default") => {
    console.timeLog(label);
    timers.delete(label);
  },
};
