import { emit, type Level } from "alga:log/logger";
import { isHostError } from "./errors.ts";

/** Searchable fields of a record. */
export type Fields = Record<string, string | number | boolean>;

function write(level: Level, message: string, fields: Fields): void {
  const list = Object.entries(fields).map(([name, value]) => ({ name, value: String(value).toWellFormed() }));
  try {
    emit(level, String(message).toWellFormed(), list);
  } catch (error) {
    // A full log must not fail the work that it describes; the host counts what it drops.
    if (!isHostError(error)) throw error;
  }
}

/** Logs a message for troubleshooting. */
export function debug(message: string, fields: Fields = {}): void {
  write("debug", message, fields);
}

/** Logs a message about normal operation. */
export function info(message: string, fields: Fields = {}): void {
  write("info", message, fields);
}

/** Logs a potential problem that has not caused a failure yet. */
export function warn(message: string, fields: Fields = {}): void {
  write("warn", message, fields);
}

/** Logs a failed request or operation. */
export function error(message: string, fields: Fields = {}): void {
  write("error", message, fields);
}
