import * as host from "alga:context/execution";

export type { Identity, Trigger } from "alga:context/execution";

/** Returns the identities of this execution. */
export function current(): host.Identity {
  return host.current();
}

/** Returns the reason why the extension was started. */
export function trigger(): host.Trigger {
  return host.why();
}

/** Returns the value of a configuration key of this install, if it is set. */
export function config(key: string): string | undefined {
  return host.config(key);
}

/** Returns all configuration of this install. */
export function allConfig(): Record<string, string> {
  return Object.fromEntries(host.allConfig());
}

/** Returns the milliseconds until the host ends this execution. */
export function remainingMs(): number {
  return host.remainingMs();
}
