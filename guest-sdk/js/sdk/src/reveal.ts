import { reveal as revealed } from "alga:secrets/reveal";

/** Returns a secret in plaintext (`cap:secrets.reveal`), for signing and decrypting. */
export async function bytes(name: string): Promise<Uint8Array> {
  return revealed(name);
}

/** Returns a secret as text (`cap:secrets.reveal`). */
export async function text(name: string): Promise<string> {
  return new TextDecoder("utf-8", { fatal: true }).decode(revealed(name));
}
