// What the tests of the handshake share: a dialler like a process, and timers that are watched.

import { afterEach, beforeEach } from "bun:test";
import { DiallingHandshake, type Met } from "../../src/link/dialling-handshake.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import type { Timers } from "../../src/base/timers.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import { afterwards, closeAll, clusterKey, LinkEnd, newIdentity, handshakeTimers } from "./support.ts";

export const random = new Random(testSeed("handshakes"));
export const handshakeMsMax = 3_000;
export const request = encodeLogicPacket({ command: "chat.user.talk", sequence: 1 }, new Uint8Array(4));

/** Dials as a process does. */
export async function shakeHands(
  address: string,
  expectedId: string,
  end: LinkEnd = new LinkEnd(newIdentity("gate")),
): Promise<{ readonly met: Met; readonly recording: Recording }> {
  const opened: { handshake: DiallingHandshake; recording: Recording }[] = [];
  const connection = await end.dial(address, (dialled) => {
    const recording = new Recording(dialled);
    const handshake = new DiallingHandshake(
      dialled,
      { ...end.side, clusterKeys: end.keys.all, expectedId, address, isProven: false },
      () => recording,
    );
    opened.push({ handshake, recording });
    return handshake;
  });
  afterwards(() => connection.close(closeAbnormal));
  const [one] = opened;
  if (one === undefined) throw new Error("dialled without a handler");
  return { met: await one.handshake.met, recording: one.recording };
}

/** A handshake with a node that `connection` reaches, by that time. */
export function diallingBy(
  timers: Timers,
  connection: ConstructorParameters<typeof DiallingHandshake>[0],
): DiallingHandshake {
  const parts = {
    identity: newIdentity("gate"),
    clusterKeys: [clusterKey],
    ...systemRuntime,
    timers,
    expectedId: "node",
    address: "127.0.0.1:1",
    isProven: false,
  };
  return new DiallingHandshake(connection, parts, () => ({ frame() {}, closed() {} }));
}

/** Why a handshake was refused. */
export async function refusal(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("it was not refused");
  return error;
}

/** Ends what a test has opened; no handshake may leave its timer behind. */
export function watchHandshakes(): void {
  /** No handshake may leave its timer behind, however it ends. */
  beforeEach(() => handshakeTimers.forget());
  afterEach(async () => {
    await closeAll();
    await until(() => handshakeTimers.left(handshakeMsMax) === 0, "no handshake's timer is left");
  });
}
