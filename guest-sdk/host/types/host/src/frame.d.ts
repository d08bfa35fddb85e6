import { type Bootstrap, type Session, type ThemeTokens } from "../../iframe/src/protocol.js";
/** Where a page is. */
export interface PageAddress {
    /** URL of the runners as browsers reach them: `https://ext.example.com`; this origin unless given. */
    readonly base?: string;
    /** Name or id of the extension. */
    readonly extension: string;
    /** Content hash of the installed version, `sha256:…`. */
    readonly contentHash: string;
    /** Path of the extension that the page shows first. */
    readonly path?: string;
}
/** Options of a frame. */
export interface FrameOptions extends PageAddress {
    /** Title of the frame, for users of screen readers. */
    readonly title: string;
    /** What the page is told about its extension. */
    readonly about: Bootstrap["extension"];
    /** URL of the gateway's `/api/ext-proxy`; without it the page can call nothing. */
    readonly gateway?: string;
    /** Returns the user's credential; called again before it expires. */
    session(): Promise<Session>;
    /** CSS variables of the design: `--alga-…`. */
    readonly theme?: ThemeTokens;
    /** Language of the user, such as `en`; the page's own unless given. */
    readonly locale?: string;
    /** The page asks to show this path in the address bar. */
    onNavigate?(path: string): void;
    /** The page asks for this height; the frame has it already. */
    onResize?(height: number): void;
    /** The page is connected. */
    onReady?(): void;
    /** The page was removed, or something about it was refused. */
    onError?(code: string, message: string): void;
}
/** A page that is shown. */
export interface ExtensionFrameHandle {
    readonly element: HTMLIFrameElement;
    /** Sends new CSS variables to the page. */
    setTheme(tokens: ThemeTokens): void;
    /** Sends a message of the host's own to the page. */
    send(type: string, payload: unknown): void;
    /** Removes the page, and cancels its calls. */
    close(): void;
}
/** Returns the URL of a page: `/ext-ui/{extension}/{content hash}/?path=…`. */
export declare function buildExtUiSrc({ base, extension, contentHash, path }: PageAddress): string;
/** Shows a page in a new frame below `parent` and connects it. */
export declare function bootstrapIframe(parent: Element, options: FrameOptions): ExtensionFrameHandle;
