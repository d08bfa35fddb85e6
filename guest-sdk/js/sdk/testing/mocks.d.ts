import type { Identity } from "alga:context/execution";
import type { Field, Level } from "alga:log/logger";
import type { Label } from "alga:metrics/meter";
import type { Client } from "alga:psa/clients";
import type { Draft } from "alga:psa/invoicing";
import type { Service } from "alga:psa/services";
import type { Answer } from "alga:ui-proxy/routes";
import type { User } from "alga:user/identity";

/** A stored record; one that was deleted has no value. */
export interface MockRecord {
  value?: Uint8Array;
  metadata?: Uint8Array;
  revision: number;
  /** Time to live in seconds; it does not pass. */
  ttl?: number;
}

/** What the extension sees and has left. */
export interface Mocks {
  config: Record<string, string>;
  identity: Identity;
  user: User | undefined;
  /** Records, by namespace and key. */
  kv: Map<string, Map<string, MockRecord>>;
  secrets: Record<string, string>;
  log: Array<{ level: Level; message: string; fields: Field[] }>;
  metrics: Array<{ kind: "add" | "set" | "observe"; name: string; value: number; labels: Label[] }>;
  /** Attributes of the execution's own span. */
  attributes: Record<string, string>;
  spans: Array<{
    name: string;
    /** Number of the span that it was begun inside, from 1, if it was given. */
    parent: number | undefined;
    attributes: Record<string, string>;
    failure?: string;
    isEnded: boolean;
  }>;
  /** Responds to each request of `fetch`; without one, `fetch` rejects. */
  fetch: (request: Request) => Response | Promise<Response>;
  uiProxy: (route: string, parameters: Array<[string, string]>, body?: Uint8Array) => Answer;
  clients: Client[];
  services: Service[];
  /** Drafts of the invoices that were created. */
  invoices: Draft[];
  /** Empties everything; call it before each test. */
  reset(): void;
}

/** What the extension sees and has left. */
export declare const mocks: Mocks;
