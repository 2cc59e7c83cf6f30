// Connects the in-process naming client to the registry of this process.

import { Code } from "../codes.ts";
import type { RegistryNode } from "../node/registry-node.ts";
import type { LocalRegistrar } from "./in-process-naming.ts";

const ownCaller = { address: "", origin: "client", isTrusted: false } as const;

export function localRegistrar({ registrar }: RegistryNode): LocalRegistrar {
  return {
    register(instance) {
      const { code, message } = registrar.register({ ...instance, dirtyTimestamp: 0n, regTimestamp: 0n }, ownCaller);
      if (code !== Code.Ok) throw new Error(message ?? `the registry answers with code ${code}`);
    },
    renew: (identity) => registrar.renew(identity, 0n, "client").code === Code.Ok,
    cancel(identity) {
      registrar.cancel(identity, 0n, "client");
    },
  };
}
