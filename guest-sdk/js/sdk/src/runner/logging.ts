import { emit, type Level } from "alga:log/logger";
import type { LoggingHost } from "./index.ts";

async function write(level: Level, message: string): Promise<void> {
  try {
    emit(level, message, []);
  } catch {
    // A full log must not fail the work that it describes; the host counts what it drops.
  }
}

export const logging: LoggingHost = {
  info: (message) => write("info", message),
  warn: (message) => write("warn", message),
  error: (message) => write("error", message),
};
