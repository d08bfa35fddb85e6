/** The frame as a React component. */
import { type ReactElement } from "react";
import { type FrameOptions } from "./index.js";
/** Shows a page of an extension. Another release or path is a new page; another theme is sent to it. */
export declare function ExtensionFrame(options: FrameOptions & {
    readonly className?: string;
}): ReactElement;
