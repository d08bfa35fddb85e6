/** `fetch` of the full engine, which is the engine's own: without the host's secrets and timeouts. */

// `alga build` replaces `globalThis.fetch` by this module.
const { fetch: own } = globalThis;

/** Options that only the compact engine has. */
const ABSENT = ["secrets", "timeout"];

export async function fetch(input, init = {}) {
  const absent = ABSENT.find((option) => init[option] !== undefined);
  if (absent !== undefined) {
    throw new TypeError(`\`${absent}\` of fetch needs the compact engine: remove \`engine\` from package.json`);
  }
  if (init.redirect === "follow") {
    throw new TypeError("redirects are not followed: request the `location` of the response, to a host in `egress`");
  }
  return own(input, init);
}
