// Header fields (Fetch Standard, 5.1).

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// A value has bytes as characters (`ByteString`), and none that would end the field.
const VALUE = /^[^\0\r\n\u0100-\uffff]*$/;
/** Gives the dispatcher the fields as they are sent. */
export const FIELDS = Symbol("fields");

function checkedName(name) {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`\`${text}\` is not a valid name of a header field`);
  return text.toLowerCase();
}

function checkedValue(name, value) {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (!VALUE.test(text)) throw new TypeError(`the value of the header field \`${name}\` has a character that is not allowed`);
  return text;
}

export class Headers {
  /** Names in lower case with their values, in the order in which they were added. */
  #fields = [];
  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object") throw new TypeError("header fields must be an object or an array of pairs");
    if (init instanceof Headers) {
      this.#fields = init.#fields.map((field) => [...field]);
      return;
    }
    const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  get [FIELDS]() {
    return this.#fields;
  }
  append(name, value) {
    const key = checkedName(name);
    this.#fields.push([key, checkedValue(key, value)]);
  }
  delete(name) {
    const key = checkedName(name);
    this.#fields = this.#fields.filter(([other]) => other !== key);
  }
  get(name) {
    const key = checkedName(name);
    const values = this.#fields.filter(([other]) => other === key).map(([, value]) => value);
    return values.length === 0 ? null : values.join(", ");
  }
  getSetCookie() {
    return this.#fields.filter(([name]) => name === "set-cookie").map(([, value]) => value);
  }
  has(name) {
    const key = checkedName(name);
    return this.#fields.some(([other]) => other === key);
  }
  set(name, value) {
    const key = checkedName(name);
    const text = checkedValue(key, value);
    const first = this.#fields.find(([other]) => other === key);
    if (first === undefined) {
      this.#fields.push([key, text]);
      return;
    }
    first[1] = text;
    this.#fields = this.#fields.filter((field) => field === first || field[0] !== key);
  }
  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  *entries() {
    const names = [...new Set(this.#fields.map(([name]) => name))].sort();
    for (const name of names) {
      if (name === "set-cookie") for (const cookie of this.getSetCookie()) yield [name, cookie];
      else yield [name, this.get(name)];
    }
  }
  *keys() {
    for (const [name] of this.entries()) yield name;
  }
  *values() {
    for (const [, value] of this.entries()) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
}

/** Makes header fields from pairs that the host has checked. */
export function fromHost(pairs) {
  const headers = new Headers();
  headers[FIELDS].push(...pairs);
  return headers;
}
