// An operator's link to a service. It begins with the handshake of all links, under the name of a service that only
// sends requests. Then each frame of the operator is a request, and each frame of the service its answer
// (observe/control-commands.ts).

import type { Timers } from "../base/timers.ts";
import { newIncarnation, type Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { controlAnswerBytesMax, controlRequestBytesMax } from "../base/limits/fixed.ts";
import type { ControlCommands } from "../observe/control-commands.ts";
import type { Flusher } from "../transport/flusher.ts";
import type { NodeTls } from "../transport/tls/node-tls.ts";
import type { Connection, FrameHandler, TransportObserver } from "../transport/transport.ts";
import { type CloseReason, closeNormal, closeProtocolFault } from "../wire/close-reason.ts";
import { DiallingHandshake } from "./dialling-handshake.ts";
import { dialLink } from "./link-network.ts";

/** The service name of an operator. */
export const operatorService = "operator";

const answerMsMax = 10_000;
/** The random bits of a generated id. */
const idBits = 48;

const closeNotYourTurn = closeProtocolFault("one request at a time");

/** The serving side: one request at a time, of bounded length. It closes a silent operator like a silent link. */
export class ControlLink implements FrameHandler {
  private readonly connection: Connection;
  private readonly commands: ControlCommands;
  private isBusy = false;

  constructor(connection: Connection, commands: ControlCommands) {
    this.connection = connection;
    this.commands = commands;
    connection.frameBytesMax = controlRequestBytesMax;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    if (this.isBusy) this.connection.close(closeNotYourTurn);
    else {
      this.isBusy = true;
      this.answer(bytes.toString("utf8", start, end)).catch((bug: unknown) => this.connection.fail(bug));
    }
  }

  closed(): void {
    // Nothing is kept.
  }

  private async answer(request: string): Promise<void> {
    const answer = await this.commands.obey(request);
    this.isBusy = false;
    if (this.connection.isOpen) this.connection.send(Buffer.from(answer));
  }
}

/** The options of the asking side. */
interface ControlDial {
  /** A link address: `host:port` or `tls://host:port`. */
  readonly address: string;
  /** The certificate of the asking process; undefined: it can only ask in plain text. */
  readonly tls?: NodeTls | undefined;
  /** The id that must answer; undefined accepts any process with the key. */
  readonly id: string | undefined;
  /** At least one. */
  readonly clusterKeys: readonly Uint8Array[];
  readonly random: Random;
  readonly timers: Pick<Timers, "after">;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
}

/** Sends a request to the service at a link address. Rejects with an Error whose message says what went wrong. */
export async function askOverLink(request: string, parts: ControlDial): Promise<string> {
  const { address, tls, id, clusterKeys, random, timers, wheel, flusher } = parts;
  const answered = Promise.withResolvers<string>();
  // The await below reports a rejection that happens earlier.
  answered.promise.catch(() => undefined);
  const handshakes: DiallingHandshake[] = [];
  const handlerOf = (connection: Connection): FrameHandler => {
    const identity = {
      id: `operator-${random.base62(idBits)}`,
      service: operatorService,
      incarnation: newIncarnation(random),
    };
    const handshake = new DiallingHandshake(
      connection,
      // A process that answers operators also proves the addresses.
      { identity, clusterKeys, random, timers, expectedId: id, address, isProven: true },
      () => ({
        frame: (bytes, start, end) => answered.resolve(bytes.toString("utf8", start, end)),
        closed: (reason) => answered.reject(new Error(sentenceOfClose(reason))),
      }),
    );
    handshakes.push(handshake);
    return handshake;
  };
  const options = {
    frameBytesMax: controlAnswerBytesMax,
    unsentBytesMax: controlRequestBytesMax,
    closeWhenSlow: false,
    readWaitMs: answerMsMax,
    writeWaitMs: answerMsMax,
    observer: noObserver,
    wheel,
    flusher,
  };
  const connection = await dialLink(address, handlerOf, options, tls);
  const cancelLate = timers.after(answerMsMax, () =>
    answered.reject(new Error(`it did not answer within ${answerMsMax / 1_000} s`)),
  );
  try {
    await handshakes[0]?.met;
    connection.send(Buffer.from(request));
    return await answered.promise;
  } finally {
    cancelLate();
    connection.close(closeNormal);
  }
}

/** Processes of the previous release accept links of gateways only. */
function sentenceOfClose({ code, text }: CloseReason): string {
  const isOld = text.includes("takes no links of yours");
  return isOld ? "it is of a version that cannot be asked; upgrade it" : `it closed the link: ${code} ${text}`;
}

const noObserver: TransportObserver = { bytesIn() {}, bytesOut() {}, protocolFault() {}, peerGone() {}, bug() {} };
