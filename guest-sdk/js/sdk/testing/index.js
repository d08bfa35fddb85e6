/**
 * Tests an extension from `vitest` or `node --test`, under a host with scripted storage, HTTP and time. The component
 * that runs is the one that `alga build` makes. `guest-sdk/TESTING.md` describes scripts.
 */

import { spawn } from "node:child_process";
import { request } from "node:http";
import { createInterface } from "node:readline";

let started;

/** Returns the URL below which hosts are created: that of `alga test`, or of a process that this one starts. */
function service() {
  started ??= process.env["ALGA_TEST_HOST"] ? Promise.resolve(process.env["ALGA_TEST_HOST"]) : start();
  return started;
}

function start() {
  const program = process.env["ALGA"] ?? "alga";
  // It ends with its standard input, that is with this process.
  const child = spawn(program, ["test", "--serve"], { stdio: ["pipe", "pipe", "inherit"] });
  child.unref();
  child.stdin.unref?.();
  return new Promise((resolve, reject) => {
    const hint = "put `alga` into PATH, or run the tests with `alga test`";
    child.on("error", (error) => reject(new Error(`could not start ${program}: ${error.message}\n${hint}`)));
    child.on("exit", () => reject(new Error("the extension could not be built; see the error above")));
    createInterface(child.stdout).once("line", (line) => {
      child.stdout.unref?.();
      resolve(line);
    });
  });
}

/** Calls the service with Node's own client: a test may replace `fetch`. */
async function call(method, url, body) {
  const { status, text } = await new Promise((resolve, reject) => {
    const sent = request(url, { method }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body === undefined ? "" : JSON.stringify(body));
  });
  const json = text === "" ? undefined : JSON.parse(text);
  if (status < 300) return json;
  throw new Error([json?.message ?? text, ...(json?.hint ? [`hint: ${json.hint}`] : [])].join("\n"));
}

/** What came of a request. */
export class TestResponse extends Response {
  /** Error of the platform, if the extension did not respond: `{ code, message }`. */
  error;
  /** Records that the extension has logged: `{ level, message, fields, … }`. */
  log;
  /** Requests that the extension has sent: `{ method, url, headers, text, isScripted }`. */
  sent;
  /** The span of the execution: `{ name, attributes, failure, spans }`, and so are those inside it. */
  trace;
  /** Resources that were used. */
  usage;

  constructor({ status, headers, base64, error, log, sent, trace, usage }) {
    const bytes = Buffer.from(base64, "base64");
    const pairs = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
    super(bytes.length === 0 ? null : bytes, { status, headers: pairs });
    Object.assign(this, { error, log, sent, trace, usage });
  }
}

/** A host of one test. */
export class TestHost {
  #url;

  constructor(url) {
    this.#url = url;
  }

  /** Creates a host for a script; the first one builds the extension. */
  static async start(script = {}) {
    const hosts = `${await service()}/hosts`;
    const { id } = await call("POST", hosts, script);
    return new TestHost(`${hosts}/${id}`);
  }

  /** Sends a request to a path of the extension, with the options of `fetch`. */
  async fetch(path, init = {}) {
    const message = new Request("http://extension", { duplex: "half", ...init });
    const body = Buffer.from(await message.arrayBuffer());
    const sent = { method: message.method, path, headers: Object.fromEntries(message.headers) };
    if (body.length > 0) sent.base64 = body.toString("base64");
    return new TestResponse(await call("POST", `${this.#url}/requests`, sent));
  }

  /** Lets time pass between two requests. */
  async advance(milliseconds) {
    await this.change({ advanceMs: Math.round(milliseconds) });
  }

  /** Changes what surrounds the extension: `advanceMs`, `http`, `hostApplication`, `kvFails`. */
  async change(change) {
    await call("PATCH", this.#url, change);
  }

  /** Returns what the extension has left: `kv`, `sent`, `metrics`, `now`. */
  async state() {
    return call("GET", this.#url);
  }

  /** Ends the host. */
  async end() {
    await call("DELETE", this.#url);
  }

  async [Symbol.asyncDispose]() {
    await this.end();
  }
}
