// Finds out who answers at an address: a handshake that ends once the other side has proven its identity.

import { sleep, type Timers } from "../base/timers.ts";
import type { ClusterKeys } from "../auth/cluster-keys.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Random } from "../base/random.ts";
import type { FrameHandler } from "../transport/transport.ts";
import { closeNormal } from "../wire/close-reason.ts";
import { DiallingHandshake } from "./dialling-handshake.ts";
import type { Dial } from "./link-network.ts";

/** A process that does not answer within this time counts as dead. */
const answerMsMax = 1_000;
const noOwner: FrameHandler = { frame() {}, closed() {} };

/** Resolves with the incarnation that answers at an address under `expectedId`; undefined if none does. */
export async function whoAnswers(
  address: string,
  expectedId: string,
  parts: {
    readonly identity: LinkIdentity;
    readonly keys: Pick<ClusterKeys, "all">;
    readonly random: Random;
    readonly timers: Pick<Timers, "after">;
    readonly dial: Dial;
    /** The entry that named the address has a proof. */
    readonly isProven: boolean;
  },
): Promise<string | undefined> {
  const asked = (async (): Promise<string | undefined> => {
    const handshakes: DiallingHandshake[] = [];
    const connection = await parts.dial(address, (dialled) => {
      const clusterKeys = parts.keys.all;
      const handshake = new DiallingHandshake(dialled, { ...parts, clusterKeys, expectedId, address }, () => noOwner);
      handshakes.push(handshake);
      return handshake;
    });
    try {
      return (await handshakes[0]?.met)?.identity.incarnation;
    } finally {
      connection.close(closeNormal);
    }
  })();
  // No answer, another id, or another key: the id is not held there.
  const answer = asked.catch(() => undefined);
  return Promise.race([answer, sleep(parts.timers, answerMsMax).then(() => undefined)]);
}
