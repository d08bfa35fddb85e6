// Readable streams (Streams Standard, 4), without byte streams, tees and pipes.

/** Shows a body whether something has been read of its stream. */
export const DISTURBED = Symbol("disturbed");

export class ReadableStream {
  #queue = [];
  #source;
  #controller;
  #state = "readable";
  #error;
  #reader = null;
  #started;
  #waiting = [];
  #closed = Promise.withResolvers();
  #isPulling = false;
  #isDisturbed = false;
  constructor(source = {}) {
    if (source.type !== undefined) throw new TypeError("byte streams are not supported");
    const stream = this;
    this.#source = source;
    this.#controller = {
      enqueue: (chunk) => this.#enqueue(chunk),
      close: () => this.#end("closed"),
      error: (error) => this.#end("errored", error),
      get desiredSize() {
        return stream.#desiredSize();
      },
    };
    this.#closed.promise.catch(() => {});
    this.#started = Promise.resolve(source.start?.(this.#controller));
    this.#started.catch((error) => this.#end("errored", error));
  }
  static from(iterable) {
    const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => iterator.return?.(reason),
    });
  }
  get locked() {
    return this.#reader !== null;
  }
  #enqueue(chunk) {
    if (this.#state !== "readable") throw new TypeError("the stream is closed");
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ value: chunk, done: false });
    else this.#queue.push(chunk);
  }
  #end(state, error) {
    if (this.#state !== "readable") return;
    [this.#state, this.#error] = [state, error];
    if (state === "errored") this.#closed.reject(error);
    else this.#closed.resolve();
    for (const waiting of this.#waiting.splice(0)) {
      if (state === "errored") waiting.reject(error);
      else waiting.resolve({ value: undefined, done: true });
    }
  }
  #desiredSize() {
    if (this.#state === "errored") return null;
    return this.#state === "closed" ? 0 : 1 - this.#queue.length;
  }
  async #read() {
    this.#isDisturbed = true;
    if (this.#queue.length > 0) return { value: this.#queue.shift(), done: false };
    if (this.#state === "errored") throw this.#error;
    if (this.#state === "closed") return { value: undefined, done: true };
    const next = Promise.withResolvers();
    this.#waiting.push(next);
    this.#pull();
    return next.promise;
  }
  /** Asks the source for more, one call at a time, while a reader waits. */
  async #pull() {
    if (this.#isPulling || !this.#source.pull) return;
    this.#isPulling = true;
    try {
      await this.#started;
      while (this.#state === "readable" && this.#waiting.length > 0) await this.#source.pull(this.#controller);
    } catch (error) {
      this.#end("errored", error);
    } finally {
      this.#isPulling = false;
    }
  }
  get [DISTURBED]() {
    return this.#isDisturbed;
  }
  getReader() {
    if (this.#reader !== null) throw new TypeError("the stream is locked");
    const reader = {
      read: () => (this.#reader === reader ? this.#read() : Promise.reject(new TypeError("the reader was released"))),
      releaseLock: () => {
        if (this.#reader === reader) this.#reader = null;
      },
      cancel: (reason) => this.#cancel(reason),
      closed: this.#closed.promise,
    };
    this.#reader = reader;
    return reader;
  }
  async #cancel(reason) {
    this.#isDisturbed = true;
    if (this.#state === "errored") throw this.#error;
    if (this.#state === "closed") return;
    this.#queue = [];
    this.#end("closed");
    await this.#source.cancel?.(reason);
  }
  cancel(reason) {
    return this.locked ? Promise.reject(new TypeError("the stream is locked")) : this.#cancel(reason);
  }
  async *values() {
    const reader = this.getReader();
    let isEnded = false;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        isEnded = done;
        if (done) return;
        yield value;
      }
    } catch (error) {
      isEnded = true;
      throw error;
    } finally {
      if (!isEnded) await reader.cancel();
      reader.releaseLock();
    }
  }
  [Symbol.asyncIterator]() {
    return this.values();
  }
}
