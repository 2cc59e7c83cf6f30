// Simulated clusters that are broken on purpose, which must be noticed.

import { expect, test } from "bun:test";
import { fuzzCluster } from "../fuzz/cluster-fuzz.ts";
import { type Sabotage, sabotages } from "./cluster-sabotage.ts";

test.each<Sabotage>([...sabotages])(
  "a cluster in which %s is caught within a hundred runs",
  (sabotage) => {
    const { failure } = fuzzCluster(1, (run) => run < 100, sabotage);
    expect(failure?.faults.length).toBeGreaterThan(0);
  },
  60_000,
);
