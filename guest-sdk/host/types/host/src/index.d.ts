/**
 * Shows pages of extensions in sandboxed frames:
 *
 * ```ts
 * import { bootstrapIframe } from "@alga/extension-host";
 *
 * bootstrapIframe(document.querySelector("#extension")!, {
 *   extension: "com.example.agreements",
 *   contentHash: install.content_hash,
 *   title: "Agreements",
 *   about: { id: install.id, name: install.name, version: install.version },
 *   gateway: "/api/ext-proxy",
 *   session: () => fetch("/my/session").then((response) => response.json()),
 * });
 * ```
 */
export { bootstrapIframe, buildExtUiSrc, type ExtensionFrameHandle, type FrameOptions, type PageAddress, } from "./frame.js";
export { ownPath } from "./proxy.js";
export type { Bootstrap, Session, ThemeTokens } from "../../iframe/src/protocol.js";
