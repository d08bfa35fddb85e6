import * as host from "alga:metrics/meter";

/** Values of the labels that the manifest declares for a metric. */
export type Labels = Record<string, string>;

function list(labels: Labels): host.Label[] {
  return Object.entries(labels).map(([key, value]) => ({ key, value }));
}

/** Adds an amount to a counter. */
export function add(name: string, amount = 1, labels: Labels = {}): void {
  host.add(name, amount, list(labels));
}

/** Sets the value of a gauge. */
export function set(name: string, value: number, labels: Labels = {}): void {
  host.set(name, value, list(labels));
}

/** Records a value in a histogram. */
export function observe(name: string, value: number, labels: Labels = {}): void {
  host.observe(name, value, list(labels));
}
