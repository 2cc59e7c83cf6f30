// A metric as a row of a table: its name, and how prom-client reads its numbers at each scrape.

import { Counter, Gauge, type Registry } from "prom-client";

type Labels = Readonly<Record<string, string | number>>;
export type Sample = readonly [labels: Labels, value: number];

/** One metric; `Source` holds its numbers. */
export interface Metric<Source> {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: (source: Source) => Iterable<Sample> | Promise<Iterable<Sample>>;
}

/** Reads one number; undefined leaves the sample out. */
type Value<Source> = (source: Source) => number | undefined;

export function counter<Source>(name: string, help: string, value: Value<Source>): Metric<Source> {
  return { type: "counter", name, help, labelNames: [], read: (source) => sampleOf(value(source)) };
}

export function gauge<Source>(name: string, help: string, value: Value<Source>): Metric<Source> {
  return { type: "gauge", name, help, labelNames: [], read: (source) => sampleOf(value(source)) };
}

/** Reads a number for each value of a label. */
type Values<Source> = (source: Source) => Iterable<readonly [string | number, number]>;

/** A counter with one label. */
export function counterBy<Source>(name: string, help: string, label: string, values: Values<Source>): Metric<Source> {
  return { type: "counter", name, help, labelNames: [label], read: samplesOf(label, values) };
}

/** A gauge with one label. */
export function gaugeBy<Source>(name: string, help: string, label: string, values: Values<Source>): Metric<Source> {
  return { type: "gauge", name, help, labelNames: [label], read: samplesOf(label, values) };
}

/** Registers metrics, whose numbers are read from `source` at each scrape. */
export function register<Source>(registry: Registry, metrics: readonly Metric<Source>[], source: Source): void {
  for (const { type, name, help, labelNames, read } of metrics) {
    const configuration = { name, help, labelNames, registers: [] };
    registry.registerMetric(
      type === "counter"
        ? new Counter({
            ...configuration,
            async collect() {
              const samples = await read(source);
              this.reset();
              for (const [labels, value] of samples) this.inc(labels, value);
            },
          })
        : new Gauge({
            ...configuration,
            async collect() {
              const samples = await read(source);
              this.reset();
              for (const [labels, value] of samples) this.set(labels, value);
            },
          }),
    );
  }
}

function samplesOf<Source>(label: string, values: Values<Source>): (source: Source) => Sample[] {
  return (source) => Array.from(values(source), ([value, number]) => [{ [label]: value }, number]);
}

function sampleOf(value: number | undefined): Sample[] {
  return value === undefined ? [] : [[{}, value]];
}
