// Readable streams (Streams Standard, 4), without byte streams, tees and pipes.

export class ReadableStream {
  #queue = [];
  #source;
  #controller;
  #state = "readable";
  #error;
  #reader = null;
  #started;
  #waiting = [];
  constructor(source = {}) {
    if (source.type !== undefined) throw new TypeError("byte streams are not supported");
    this.#source = source;
    this.#controller = {
      enqueue: (chunk) => this.#enqueue(chunk),
      close: () => this.#end("closed"),
      error: (error) => this.#end("errored", error),
      get desiredSize() {
        return 1;
      },
    };
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
    for (const waiting of this.#waiting.splice(0)) {
      if (state === "errored") waiting.reject(error);
      else waiting.resolve({ value: undefined, done: true });
    }
  }
  async #read() {
    await this.#started;
    if (this.#queue.length > 0) return { value: this.#queue.shift(), done: false };
    if (this.#state === "errored") throw this.#error;
    if (this.#state === "closed") return { value: undefined, done: true };
    const next = Promise.withResolvers();
    this.#waiting.push(next);
    if (this.#source.pull) {
      try {
        await this.#source.pull(this.#controller);
      } catch (error) {
        this.#end("errored", error);
      }
    }
    return next.promise;
  }
  getReader() {
    if (this.#reader !== null) throw new TypeError("the stream is locked");
    const reader = {
      read: () => (this.#reader === reader ? this.#read() : Promise.reject(new TypeError("the reader was released"))),
      releaseLock: () => {
        if (this.#reader === reader) this.#reader = null;
      },
      cancel: (reason) => this.#cancel(reason),
    };
    this.#reader = reader;
    return reader;
  }
  async #cancel(reason) {
    this.#queue = [];
    this.#end("closed");
    await this.#source.cancel?.(reason);
  }
  cancel(reason) {
    return this.locked ? Promise.reject(new TypeError("the stream is locked")) : this.#cancel(reason);
  }
  async *values() {
    const reader = this.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel();
      reader.releaseLock();
    }
  }
  [Symbol.asyncIterator]() {
    return this.values();
  }
}
