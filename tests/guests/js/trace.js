import { annotate, begin, end, traceparent } from "alga:trace/tracer";

export default async () => {
  await check("traceparent", () => traceparent());
  await check("begin", () => begin("outer"));
  await check("inside", () => begin("inner", 1));
  await check("annotate", () => annotate(2, [{ name: "lines", value: "3" }]));
  await check("annotate the execution", () => annotate(undefined, [{ name: "order", value: "o-17" }]));
  await check("fail", () => end(2, "nothing is left"));
  await check("end", () => end(1));
  await check("end again", () => end(1));
  await check("no name", () => begin(""));
  await check("wrong number", () => end("one"));
  await check("wrong attribute", () => annotate(undefined, [{ name: "order" }]));
  return report();
};
