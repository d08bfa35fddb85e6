import { type ProxyReply } from "../../iframe/src/protocol.js";
/** Where and as whom calls are made. */
export interface ProxyTarget {
    /** URL of the gateway's `/api/ext-proxy`, such as `https://alga.example.com/api/ext-proxy`. */
    readonly gateway: string;
    /** Name or id of the extension. */
    readonly extension: string;
    /** Returns the user's token for the gateway. */
    token(): Promise<string | undefined>;
    /** Sends requests; the browser's `fetch` unless given. */
    readonly fetch?: typeof fetch;
}
/** Concurrent calls of one frame. */
export declare const CALLS = 8;
/**
 * Returns the path of one of the extension's own endpoints, or nothing for a route that could lead
 * elsewhere: another origin, another extension, a segment that some software reads in two ways.
 */
export declare function ownPath(route: string): string | undefined;
/** Calls of one frame in progress. */
export declare class Proxy {
    #private;
    private readonly target;
    constructor(target: ProxyTarget);
    /** Makes a call and returns its response or its refusal; it never throws. */
    call(id: string, payload: unknown): Promise<ProxyReply>;
    /** Cancels a call of the page. */
    abort(id: string): void;
    /** Cancels all calls; the frame was removed. */
    close(): void;
}
