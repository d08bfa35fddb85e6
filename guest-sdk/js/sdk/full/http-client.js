/** `fetch` of the full engine, which is the engine's own. The host cannot write secrets into its requests. */

// `alga build` replaces `globalThis.fetch` by this module.
const { fetch: own } = globalThis;

export function fetch(input, init = {}) {
  const { secrets, timeout, ...options } = init;
  if (secrets?.length > 0) {
    return Promise.reject(new TypeError("`secrets` need the compact engine: remove `engine` from package.json"));
  }
  return own(input, options);
}
