/**
 * Messages between the page of an extension and the host application that shows it. The host
 * application's package uses the same file.
 *
 * 1. The host loads the page with a nonce in its fragment, `#alga-nonce=…`.
 * 2. The page sends `ready` with the nonce to its parent window, and transfers a MessagePort. The
 *    port is of this document alone: a document that replaces it receives nothing.
 * 3. The host checks window, nonce and form, and sends `bootstrap` over the port. All further
 *    messages use the port.
 */
/** Version of the protocol. */
export declare const VERSION = "1";
/** Name of the nonce in the fragment of the page's URL. */
export declare const NONCE = "alga-nonce";
/** Largest body of a call, in bytes, in each direction. */
export declare const BODY_BYTES: number;
/** Heights that a page may have, in CSS pixels. */
export declare const HEIGHTS: {
    readonly least: 100;
    readonly most: 4000;
};
/** A message in either direction. */
export interface Envelope {
    readonly alga: true;
    readonly version: typeof VERSION;
    readonly type: string;
    readonly request_id?: string;
    readonly payload: unknown;
}
/** Credential of the user, for the extension's own back ends. */
export interface Session {
    readonly token: string;
    /** Time in milliseconds since 1970. */
    readonly expires_at: number;
}
/** CSS variables of the host's design, by name: `--alga-primary`. */
export type ThemeTokens = Readonly<Record<string, string>>;
/** First message of the host. */
export interface Bootstrap {
    readonly session: Session;
    readonly theme_tokens: ThemeTokens;
    readonly navigation: {
        readonly path: string;
    };
    readonly extension: {
        readonly id: string;
        readonly name: string;
        readonly version: string;
    };
    readonly locale: string;
}
/** A call of one of the extension's endpoints. */
export interface ProxyCall {
    readonly route: string;
    readonly method?: string;
    /** Body in base64. */
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
}
/** Response to a call. Without `error`, `status` is the endpoint's. */
export interface ProxyReply {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly error?: {
        readonly code: string;
        readonly message: string;
    };
}
/** Wraps a payload. */
export declare function envelope(type: string, payload: unknown, requestId?: string): Envelope;
/** Returns a message of this protocol, or nothing for any other value. */
export declare function parse(data: unknown): Envelope | undefined;
/** True for an object that is not an array. */
export declare function isRecord(value: unknown): value is Record<string, unknown>;
/** True for an object whose values are texts. */
export declare function isTexts(value: unknown): value is Record<string, string>;
/** Encodes bytes in base64, in parts that fit the argument list of a function. */
export declare function toBase64(bytes: Uint8Array): string;
/** Decodes base64, or returns nothing for any other text. */
export declare function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined;
