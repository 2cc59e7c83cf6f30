// The accepting side of the handshake (handshake.ts).

import type { Cancel, Timers } from "../base/timers.ts";
import {
  hintedKey,
  isMarked,
  isMeetingAddress,
  keyHintBytes,
  type LinkIdentity,
  linkProof,
  type Meeting,
  provenKey,
} from "../auth/link-proof.ts";
import { shownText } from "../auth/store-ownership.ts";
import { assert } from "../base/assert.ts";
import { handshakeBytesMax, secretsPerFileMax } from "../base/limits/fixed.ts";
import type { Random } from "../base/random.ts";
import { contained } from "../transport/contained.ts";
import type { Connection, FrameHandler } from "../transport/transport.ts";
import { decodeBody } from "../wire/body.ts";
import { type CloseReason, closeNormal, closeProtocolFault, closeUnauthorised } from "../wire/close-reason.ts";
import { InnerHandshakeReqSchema, InnerHandshakeResponseSchema, Status } from "../wire/gen/pkt_pb.ts";
import { closeTooLate, handshakeMsMax, isElsewhere, isIdentity, nonceBytes, send, stands } from "./handshake.ts";
import { type LinkState, messageOf } from "./link-state.ts";

/** The parts and decisions of an acceptor. */
export interface LinkHost {
  readonly identity: LinkIdentity;
  /** At least one. */
  readonly clusterKeys: readonly Uint8Array[];
  readonly random: Random;
  readonly timers: Pick<Timers, "after">;
  /** The address at which others dial this process, `host:port`. */
  readonly address: string;
  /** The state that each dialler receives. */
  state(): LinkState;
  /** Resolves with the incarnation of another live process that holds the dialler's id. */
  holder(dialler: LinkIdentity): Promise<string | undefined>;
  /** Takes over a proven link, or refuses it with a reason. */
  linked(connection: Connection, dialler: LinkIdentity): FrameHandler | CloseReason;
  /** Called when a proven dialler declines the link; `sentence` is its reason, safe for a log. */
  declined(dialler: LinkIdentity, sentence: string): void;
  /** Counts a failed handshake. */
  refused(kind: string): void;
}

/** What a dialler has to prove, and the keys that it may use. */
interface Expected {
  readonly meeting: Meeting;
  readonly clusterKeys: readonly Uint8Array[];
}

/** The handler of an accepted connection until the link is established. */
export class AcceptingHandshake implements FrameHandler {
  private readonly host: LinkHost;
  private readonly connection: Connection;
  private readonly cancelLate: Cancel;
  private expected: Expected | undefined;
  private isHelloRead = false;

  constructor(connection: Connection, host: LinkHost) {
    this.host = host;
    this.connection = connection;
    this.cancelLate = host.timers.after(
      handshakeMsMax,
      contained(connection, () => this.fail("late", closeTooLate)),
    );
  }

  frame(bytes: Buffer, start: number, end: number): void {
    this.received(bytes.subarray(start, end));
  }

  closed(): void {
    this.cancelLate();
  }

  private received(payload: Buffer): void {
    if (!this.isHelloRead) this.hello(payload).catch((bug: unknown) => this.connection.fail(bug));
    else if (this.expected !== undefined) this.prove(payload, this.expected);
    else this.fail("malformed", closeProtocolFault("not your turn"));
  }

  private async hello(payload: Buffer): Promise<void> {
    this.isHelloRead = true;
    const { identity, clusterKeys, random, address } = this.host;
    const request = decodeBody(InnerHandshakeReqSchema, payload);
    const dialler = request && {
      id: request.ServiceId,
      service: request.serviceName,
      incarnation: request.incarnation,
    };
    const isHello =
      request !== undefined &&
      request.nonce.length === nonceBytes &&
      areHints(request.keys) &&
      isMarked(request.nonce) === isMeetingAddress(request.address);
    if (!isHello || dialler === undefined || !isIdentity(dialler)) {
      this.fail("malformed", closeProtocolFault("a handshake was expected"));
      return;
    }
    // A copy: the message is a view of the connection's buffer, which is reused after this turn.
    const meeting: Meeting = {
      dialler,
      acceptor: identity,
      diallerNonce: Uint8Array.from(request.nonce),
      acceptorNonce: random.bytes(nonceBytes),
      ...(request.address === "" ? {} : { addresses: { dialled: request.address, advertised: address } }),
    };
    // A dialler that shares no key with this process rejects this proof, and logs it.
    const clusterKey = hintedKey(clusterKeys, request.keys, meeting.diallerNonce) ?? firstOf(clusterKeys);
    const isOld = request.keys.length === 0;
    const { id: serviceId, incarnation } = identity;
    const said = {
      serviceId,
      incarnation,
      nonce: meeting.acceptorNonce,
      address: meeting.addresses === undefined ? "" : address,
    };
    const holder = await this.host.holder(dialler);
    if (holder !== undefined) {
      const isContested = dialler.incarnation > holder;
      this.host.refused(isContested ? "id-contested" : "id-taken");
      const Error = `the id ${dialler.id} belongs to another process that lives; give this one another --id`;
      // A refused process may have to exit, so the refusal has a proof: a stranger must not cause that.
      const proof = linkProof(clusterKey, isContested ? "contest" : "refuse", meeting);
      const Code = isContested ? Status.ServiceUnavailable : Status.Forbidden;
      send(this.connection, InnerHandshakeResponseSchema, { ...said, Code, Error, proof });
      this.connection.close(closeUnauthorised);
      return;
    }
    if (!this.connection.isOpen) return;
    this.expected = { meeting, clusterKeys: isOld ? clusterKeys : [clusterKey] };
    const proof = linkProof(clusterKey, "accept", meeting);
    send(this.connection, InnerHandshakeResponseSchema, { ...said, proof, state: messageOf(this.host.state()) });
  }

  private prove(payload: Buffer, { meeting, clusterKeys }: Expected): void {
    const { proof, declined } = decodeBody(InnerHandshakeReqSchema, payload) ?? {
      proof: new Uint8Array(),
      declined: "",
    };
    if (provenKey(proof, clusterKeys, declined === "" ? "dial" : "decline", meeting) === undefined) {
      this.fail("key", closeUnauthorised);
      return;
    }
    if (isElsewhere(meeting)) {
      this.fail("address", closeProtocolFault("this process takes links at another address than the dialled one"));
      return;
    }
    this.cancelLate();
    if (declined !== "") {
      this.host.declined(meeting.dialler, shownText(declined, handshakeBytesMax));
      this.connection.close(closeNormal);
      return;
    }
    // First, because the service may send at once.
    stands(this.connection);
    const handler = this.host.linked(this.connection, meeting.dialler);
    if ("code" in handler) this.fail("refused", handler);
    else this.connection.handOver(handler);
  }

  private fail(kind: string, reason: CloseReason): void {
    if (!this.connection.isOpen) return;
    this.host.refused(kind);
    this.connection.close(reason);
  }
}

function areHints(keys: readonly Uint8Array[]): boolean {
  return keys.length <= secretsPerFileMax && keys.every(({ length }) => length === keyHintBytes);
}

function firstOf(clusterKeys: readonly Uint8Array[]): Uint8Array {
  const [first] = clusterKeys;
  assert(first !== undefined, "a process of a cluster has at least one key");
  return first;
}
