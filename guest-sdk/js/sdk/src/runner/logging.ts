import { emit, type Level } from "alga:log/logger";
import { isHostError } from "../errors.ts";
import type { LoggingHost } from "./index.ts";

async function write(level: Level, message: string): Promise<void> {
  try {
    emit(level, String(message).toWellFormed(), []);
  } catch (error) {
    // A full log must not fail the work that it describes; the host counts what it drops.
    if (!isHostError(error)) throw error;
  }
}

export const logging: LoggingHost = {
  info: (message) => write("info", message),
  warn: (message) => write("warn", message),
  error: (message) => write("error", message),
};
