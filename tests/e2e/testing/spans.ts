import { log, trace } from "@alga/sdk";

/** Begins spans inside and beside others, and some that fail. Returns what the work has returned and thrown. */
export async function traced(): Promise<{ sum: number; isSame: boolean[] }> {
  trace.set({ order: "o-18", lines: 3, "is-paid": true });
  const part = (number: number, outer: trace.Span): Promise<number> =>
    trace.span(
      `part ${number}`,
      async (span) => {
        span.set({ number });
        await Promise.resolve();
        return number;
      },
      outer,
    );
  const sum = await trace.span("outer", async (outer) => {
    log.info("adding");
    const [one, two] = await Promise.all([part(1, outer), part(2, outer)]);
    return one + two;
  });
  const isSame = [];
  for (const failure of [new Error("out of stock"), undefined, Object.create(null), "a text"]) {
    const fails = (): never => {
      throw failure;
    };
    isSame.push(await trace.span("fails", fails).catch((thrown: unknown) => thrown === failure));
  }
  // A name that the host refuses fails nothing.
  trace.set({ ["n".repeat(65)]: "refused" });
  await trace.span("n".repeat(65), (span) => span.set({ lost: true }));
  return { sum, isSame };
}
