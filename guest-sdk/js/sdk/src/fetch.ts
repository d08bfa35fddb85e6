/** `fetch`, for extensions that use it: `alga build` puts this module in the place of the global one. */
export { fetch } from "alga:http/client";
