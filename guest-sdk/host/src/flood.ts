/** Messages that a frame may send at once, and per second after that. */
const BURST = 200;
const PER_SECOND = 100;
/** Refused messages after which a frame is removed. */
const TOLERATED = 2_000;

/** Limits the messages of one frame, so that a page cannot occupy the host's. */
export class FloodGate {
  #left = BURST;
  #refused = 0;
  #at: number;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.#at = now();
  }

  /** Returns whether a message is handled, ignored, or one too many. */
  admit(): "handle" | "ignore" | "close" {
    const now = this.now();
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) / 1000) * PER_SECOND);
    this.#at = now;
    if (this.#left >= 1) {
      this.#left -= 1;
      return "handle";
    }
    this.#refused += 1;
    return this.#refused > TOLERATED ? "close" : "ignore";
  }
}
