export { t as bootstrapIframe, n as buildExtUiSrc, r as ownPath } from "./src.js";
