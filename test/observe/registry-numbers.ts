// The numbers of a registry node of a test.

import type { RegistryNumbers } from "../../src/observe/registry-metrics.ts";

/** Of a node that lists one instance, its own. */
export const registryNumbers: RegistryNumbers = {
  instances: 1,
  tombstones: 0,
  services: 1,
  polls: 0,
  peers: 0,
  peersUp: 0,
  waiting: 0,
  failures: 0,
  repaired: 0,
  evictions: 0,
  isReadable: true,
  isProtected: false,
};
