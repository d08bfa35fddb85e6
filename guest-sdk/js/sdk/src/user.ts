import { current as host, type User } from "alga:user/identity";

export type { Kind, User } from "alga:user/identity";

/** Returns the user; `undefined` if a schedule or an event started the extension. */
export function current(): User | undefined {
  return host();
}
