/** Header fields, and at most one form of the body. */
export interface Content {
  headers?: Record<string, string | string[]>;
  json?: unknown;
  text?: string;
  base64?: string;
}

/** A response of another host to requests that match. */
export interface Exchange extends Content {
  /** Any method if it is absent. */
  method?: string;
  /** Whole URL with its query; for the host application, a path. A `*` at the end matches any rest. */
  url: string;
  /** 200 if it is absent. */
  status?: number;
  /** Failure in place of a response. */
  error?: "unresolved" | "refused" | "tls" | "reset" | "timeout";
  /** Time until the response. */
  delayMs?: number;
  /** Requests that this responds to; all if it is absent. */
  times?: number;
}

/** The calling user. */
export interface TestUser {
  id?: string;
  email?: string;
  name?: string;
  kind?: "internal" | "client";
  clientId?: string;
  clientName?: string;
  additionalFields?: Record<string, string>;
}

/** What surrounds an extension in a test. */
export interface Script {
  config?: Record<string, string>;
  secrets?: Record<string, string>;
  /** null: no user. */
  user?: TestUser | null;
  /** Date at which the host begins, in RFC 3339. */
  now?: string;
  /** Values of records, by namespace and key. */
  kv?: Record<string, Record<string, unknown>>;
  http?: Exchange[];
  hostApplication?: Exchange[];
  /** Granted capabilities; all that the manifest declares if it is absent. */
  grants?: string[];
  /** Hosts that the tenant allows; all that the manifest declares if it is absent. */
  egress?: string[];
}

/** A change between two requests. */
export interface Change {
  advanceMs?: number;
  http?: Exchange[];
  hostApplication?: Exchange[];
  kvFails?: boolean;
}

/** A request that the extension has sent. */
export interface Sent {
  method: string;
  url: string;
  /** False if the script has no response. */
  isScripted: boolean;
  headers: Record<string, string | string[]>;
  text?: string;
  base64: string;
}

/** What the extension has left. */
export interface State {
  now: string;
  kv: Record<string, Record<string, unknown>>;
  sent: Sent[];
  /** Metrics in Prometheus' text format. */
  metrics: string;
}

/** A record of the log. */
export interface LogRecord {
  source: "log" | "stdout" | "stderr" | "host";
  level: "debug" | "info" | "warn" | "error";
  message: string;
  fields: Array<[string, string]>;
}

/** A span of a trace. Names of the extension's own spans and attributes begin with `extension.`. */
export interface TestSpan {
  name: string;
  attributes: Record<string, string>;
  /** Description of the failure, if there was one. */
  failure?: string;
  /** The spans inside it, in the order in which they began. */
  spans: TestSpan[];
}

/** What came of a request. */
export declare class TestResponse extends Response {
  /** Error of the platform, if the extension did not respond. */
  readonly error?: { code: string; message: string };
  readonly log: LogRecord[];
  readonly sent: Sent[];
  /** The span of the execution, if the extension was executed. */
  readonly trace?: TestSpan;
  readonly usage?: Record<string, unknown>;
}

/** A host of one test. */
export declare class TestHost {
  private constructor();
  /** Creates a host for a script; the first one builds the extension. */
  static start(script?: Script): Promise<TestHost>;
  /** Sends a request to a path of the extension, with the options of `fetch`. */
  fetch(path: string, init?: { method?: string; headers?: HeadersInit; body?: BodyInit | null }): Promise<TestResponse>;
  /** Lets time pass between two requests. */
  advance(milliseconds: number): Promise<void>;
  /** Changes what surrounds the extension. */
  change(change: Change): Promise<void>;
  /** Returns what the extension has left. */
  state(): Promise<State>;
  /** Ends the host. */
  end(): Promise<void>;
}
