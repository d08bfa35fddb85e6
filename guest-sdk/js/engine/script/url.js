// URLs (URL Standard, 6). The host's language parses them.

import { parseUrl, setUrl } from "alga:native";
import { decodeUtf8 } from "alga:native";
import { encode } from "alga:web/encoding";

const [HREF, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH, ORIGIN] = Array(11).keys();
/** Connects a list of parameters with its URL. */
const BIND = Symbol("bind");

function parsed(url, base) {
  return parseUrl(String(url).toWellFormed(), base === undefined ? undefined : String(base).toWellFormed());
}

export class URL {
  #parts;
  #params;
  constructor(url, base) {
    this.#parts = parsed(url, base);
    if (this.#parts === undefined) throw new TypeError(`\`${url}\` is not a valid URL`);
  }
  static canParse(url, base) {
    return parsed(url, base) !== undefined;
  }
  static parse(url, base) {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }
  #set(part, value) {
    this.#parts = setUrl(this.#parts[HREF], part, String(value).toWellFormed()) ?? this.#parts;
    if (part === "search") this.#params?.[BIND](this.#parts[SEARCH]);
  }
  get href() {
    return this.#parts[HREF];
  }
  set href(value) {
    const parts = parsed(value);
    if (parts === undefined) throw new TypeError(`\`${value}\` is not a valid URL`);
    this.#parts = parts;
    this.#params?.[BIND](this.#parts[SEARCH]);
  }
  get origin() {
    return this.#parts[ORIGIN];
  }
  get protocol() {
    return this.#parts[PROTOCOL];
  }
  set protocol(value) {
    this.#set("protocol", value);
  }
  get username() {
    return this.#parts[USERNAME];
  }
  set username(value) {
    this.#set("username", value);
  }
  get password() {
    return this.#parts[PASSWORD];
  }
  set password(value) {
    this.#set("password", value);
  }
  get host() {
    return this.#parts[HOST];
  }
  set host(value) {
    this.#set("host", value);
  }
  get hostname() {
    return this.#parts[HOSTNAME];
  }
  set hostname(value) {
    this.#set("hostname", value);
  }
  get port() {
    return this.#parts[PORT];
  }
  set port(value) {
    this.#set("port", value);
  }
  get pathname() {
    return this.#parts[PATHNAME];
  }
  set pathname(value) {
    this.#set("pathname", value);
  }
  get search() {
    return this.#parts[SEARCH];
  }
  set search(value) {
    this.#set("search", value);
  }
  get hash() {
    return this.#parts[HASH];
  }
  set hash(value) {
    this.#set("hash", value);
  }
  get searchParams() {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams();
      this.#params[BIND](this.#parts[SEARCH], (search) => {
        this.#parts = setUrl(this.#parts[HREF], "search", search) ?? this.#parts;
      });
    }
    return this.#params;
  }
  toString() {
    return this.href;
  }
  toJSON() {
    return this.href;
  }
}

export class URLSearchParams {
  #pairs = [];
  #changed;
  constructor(init = "") {
    if (typeof init === "object" && init !== null) {
      const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Object.entries(init);
      this.#pairs = pairs.map((pair) => {
        const [name, value, ...more] = pair;
        if (value === undefined || more.length > 0) throw new TypeError("each pair must have a name and a value");
        return [String(name), String(value)];
      });
    } else {
      this.#parse(String(init));
    }
  }
  [BIND](search, changed = this.#changed) {
    this.#changed = changed;
    this.#parse(search);
  }
  #parse(text) {
    const query = text.startsWith("?") ? text.slice(1) : text;
    this.#pairs = query
      .split("&")
      .filter((pair) => pair !== "")
      .map((pair) => {
        const at = pair.indexOf("=");
        return at < 0 ? [decode(pair), ""] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
      });
  }
  #update() {
    this.#changed?.(this.toString());
  }
  get size() {
    return this.#pairs.length;
  }
  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this.#update();
  }
  delete(name, value) {
    const isOther = ([key, other]) => key !== String(name) || (value !== undefined && other !== String(value));
    this.#pairs = this.#pairs.filter(isOther);
    this.#update();
  }
  get(name) {
    return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null;
  }
  getAll(name) {
    return this.#pairs.filter(([key]) => key === String(name)).map(([, value]) => value);
  }
  has(name, value) {
    return this.#pairs.some(([key, other]) => key === String(name) && (value === undefined || other === String(value)));
  }
  set(name, value) {
    const first = this.#pairs.find(([key]) => key === String(name));
    if (first === undefined) return this.append(name, value);
    first[1] = String(value);
    this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== String(name));
    this.#update();
  }
  sort() {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#update();
  }
  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  *entries() {
    for (const [name, value] of this.#pairs) yield [name, value];
  }
  *keys() {
    for (const [name] of this.#pairs) yield name;
  }
  *values() {
    for (const [, value] of this.#pairs) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    return this.#pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  }
}

const UNESCAPED = /^[A-Za-z0-9*\-._]*$/;

function encoded(text) {
  if (UNESCAPED.test(text)) return text;
  let result = "";
  for (const byte of encode(text)) {
    const character = String.fromCharCode(byte);
    if (byte === 0x20) result += "+";
    else result += UNESCAPED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

function decode(text) {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  const bytes = encode(spaced);
  const decoded = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const digits = String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0);
    if (bytes[at] === 0x25 && /^[0-9A-Fa-f]{2}$/.test(digits)) {
      decoded.push(Number.parseInt(digits, 16));
      at += 2;
    } else {
      decoded.push(bytes[at]);
    }
  }
  return decodeUtf8(Uint8Array.from(decoded), false);
}
