// A member of a registry that a test scripts.

import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import { silentLog } from "../../src/base/log.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import { Membership } from "../../src/node/membership.ts";
import type { Naming } from "../../src/registry/client/naming.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { LinkEnd, newIdentity } from "../link/support.ts";

/** A process that takes links, answers who asks it, and has a place in that registry. */
export function member(
  naming: Naming,
  identity: LinkIdentity = newIdentity("n1", "chat"),
  fingerprints: readonly string[] = [],
  stores: () => NodeStores = () => unknownStores,
  parts: Partial<Pick<ConstructorParameters<typeof Membership>[0], "log" | "timers" | "gone" | "weight" | "keys">> = {},
) {
  const end = new LinkEnd(identity);
  const { address, server } = end.listen(new LinkListener({ ...end.side, service: undefined }));
  const lost: string[] = [];
  const membership = new Membership({
    ...end.side,
    keys: parts.keys ?? { all: end.keys.all, fingerprints, onChange: () => undefined },
    naming,
    log: parts.log ?? silentLog,
    timers: parts.timers ?? systemTimers,
    link: address,
    zone: "z1",
    version: "1.2.3",
    stores,
    ...(parts.gone && { gone: parts.gone }),
    weight: parts.weight,
    lost: (sentence) => void lost.push(sentence),
  });
  return { end, identity, address, server, lost, membership };
}

export const offer = (service = "chat") => ({
  service,
  addrs: [`tcp://${service}:1`],
  metadata: new Map([["protocol", "tcp"]]),
});
