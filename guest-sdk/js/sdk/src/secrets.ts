import { names, type Declared } from "alga:secrets/store";

/**
 * Returns a secret for `fetch`: the host writes its value into the request (`cap:secrets.get`).
 *
 * @example
 * await fetch("https://api.example.com/", { secrets: [secrets.bearer("api-key")] });
 */
export function bearer(name: string): AlgaSecretPlacement {
  return placed(name, { secret: name, placement: "bearer" });
}

/** Returns a secret as the password of basic authentication. */
export function basic(name: string, user: string): AlgaSecretPlacement {
  return placed(name, { secret: name, placement: "basic", name: user });
}

/** Returns a secret as the value of a header field. */
export function header(name: string, field: string): AlgaSecretPlacement {
  return placed(name, { secret: name, placement: "header", name: field });
}

/** Retains the import of the interface, without which the host attaches no secret. */
function placed(name: string, placement: AlgaSecretPlacement): AlgaSecretPlacement {
  if (typeof names !== "function") throw new TypeError(`the secret \`${name}\` needs the host`);
  return placement;
}

/** Returns the secrets that the manifest declares, whether or not they are set. */
export async function declared(): Promise<Declared[]> {
  return names();
}
