// The dialling side of the handshake (handshake.ts).

import type { Cancel, Timers } from "../base/timers.ts";
import {
  isMeetingAddress,
  keyHint,
  type LinkIdentity,
  linkProof,
  markNonce,
  type Meeting,
  type ProofSide,
  provenKey,
} from "../auth/link-proof.ts";
import type { Random } from "../base/random.ts";
import { contained } from "../transport/contained.ts";
import type { Connection, FrameHandler } from "../transport/transport.ts";
import { decodeBody } from "../wire/body.ts";
import { type CloseReason, closeNormal, closeProtocolFault, closeUnauthorised } from "../wire/close-reason.ts";
import {
  InnerHandshakeReqSchema,
  type InnerHandshakeResponse,
  InnerHandshakeResponseSchema,
  Status,
} from "../wire/gen/pkt_pb.ts";
import { closeTooLate, handshakeMsMax, isElsewhere, isIdentity, nonceBytes, send, stands } from "./handshake.ts";
import { type LinkState, linkStateOf } from "./link-state.ts";
import { unknownStores } from "./node-stores.ts";

/** The acceptor refuses the link; the message is its sentence, or what it did wrong. */
export class LinkRefused extends Error {
  override readonly name = "LinkRefused";
  /** Another live incarnation holds this process's id: unless this process is established, it must not go on. */
  readonly isIdTaken: boolean;
  /** That incarnation is the lesser one; if it is new, too, it exits when a node linked to this process refuses it. */
  readonly isContested: boolean;
  /** This side declines the link. */
  readonly isDeclined: boolean;

  constructor(sentence: string, { isIdTaken = false, isContested = false, isDeclined = false } = {}) {
    super(sentence);
    this.isIdTaken = isIdTaken;
    this.isContested = isContested;
    this.isDeclined = isDeclined;
  }
}

/** The acceptor that a dialler has met. */
export interface Met {
  readonly identity: Pick<LinkIdentity, "id" | "incarnation">;
  readonly state: LinkState;
}

/** What a dialler proves and expects. */
interface DiallingParts {
  readonly identity: LinkIdentity;
  /** At least one. */
  readonly clusterKeys: readonly Uint8Array[];
  readonly random: Random;
  readonly timers: Pick<Timers, "after">;
  /** The id that must answer; undefined accepts any process with the key. */
  readonly expectedId: string | undefined;
  /** The dialled address, `host:port`, of at most 300 bytes. */
  readonly address: string;
  /** The entry that named the address has a proof (auth/instance-proof.ts): a proof without addresses is refused. */
  readonly isProven: boolean;
  /** Returns why this side declines the link, in at most 800 bytes; undefined accepts it. */
  readonly declines?: (state: LinkState) => string | undefined;
}

/** The handler of a dialled connection until the link is established. */
export class DiallingHandshake implements FrameHandler {
  /** Resolves when the link is established; rejects with LinkRefused, or an Error if the connection ends before. */
  readonly met: Promise<Met>;
  private readonly settle: PromiseWithResolvers<Met>;
  private readonly connection: Connection;
  private readonly parts: DiallingParts;
  private readonly nonce: Uint8Array;
  private readonly cancelLate: Cancel;
  private readonly handlerOf: (met: Met) => FrameHandler;

  /** Sends its first frame at once. `handlerOf` makes the link's owner before anything else is read. */
  constructor(connection: Connection, parts: DiallingParts, handlerOf: (met: Met) => FrameHandler) {
    this.connection = connection;
    this.parts = parts;
    this.handlerOf = handlerOf;
    this.nonce = markNonce(Uint8Array.from(parts.random.bytes(nonceBytes)));
    this.settle = Promise.withResolvers();
    this.met = this.settle.promise;
    this.cancelLate = parts.timers.after(
      handshakeMsMax,
      contained(connection, () => this.fail("it did not answer the handshake in time", closeTooLate)),
    );
    send(connection, InnerHandshakeReqSchema, {
      ServiceId: this.parts.identity.id,
      serviceName: this.parts.identity.service,
      incarnation: this.parts.identity.incarnation,
      nonce: this.nonce,
      keys: this.parts.clusterKeys.map((key) => keyHint(key, this.nonce)),
      address: this.parts.address,
    });
  }

  frame(bytes: Buffer, start: number, end: number): void {
    this.answered(bytes.subarray(start, end));
  }

  closed(reason: CloseReason): void {
    this.cancelLate();
    this.settle.reject(new Error(`it closed the link: ${reason.code} ${reason.text}`));
  }

  private answered(payload: Buffer): void {
    const response = decodeBody(InnerHandshakeResponseSchema, payload);
    const identity = response && { id: response.serviceId, incarnation: response.incarnation };
    if (response === undefined || identity === undefined || !isIdentity({ ...identity, service: "any" })) {
      this.fail("it is not a service of ours", closeProtocolFault("a handshake was expected"));
      return;
    }
    const isRefusal = response.Code !== 0;
    const isContested = response.Code === Status.ServiceUnavailable;
    const said = isContested ? "contest" : isRefusal ? "refuse" : "accept";
    const proven = this.provenMeeting(response, identity, said);
    if (proven === undefined) {
      this.fail("it does not know the cluster key", closeUnauthorised);
      return;
    }
    const { clusterKey, meeting } = proven;
    if (meeting.addresses === undefined && this.parts.isProven) {
      this.fail(
        "it proves no address, although its entry in the registry has a proof: the entry is old, or a stranger's copy",
        closeProtocolFault("a proof of the address was expected"),
      );
      return;
    }
    if (isElsewhere(meeting)) {
      const { dialled, advertised } = meeting.addresses;
      this.fail(
        `${identity.id} takes links at ${advertised} and not at ${dialled}: its entry in the registry is old or forged`,
        closeProtocolFault("dialled at an address that is not yours"),
      );
      return;
    }
    if (isRefusal) {
      const isIdTaken = isContested || response.Code === Status.Forbidden;
      this.settle.reject(new LinkRefused(response.Error, { isIdTaken, isContested }));
      this.connection.close(closeProtocolFault("refused"));
      return;
    }
    if (this.parts.expectedId !== undefined && identity.id !== this.parts.expectedId) {
      this.fail(
        `it is ${identity.id}, and not ${this.parts.expectedId}`,
        closeProtocolFault("somebody else was expected"),
      );
      return;
    }
    this.cancelLate();
    const state = linkStateOf(response.state) ?? { load: 0, isReady: false, stores: unknownStores };
    const declined = this.parts.declines?.(state);
    if (declined !== undefined) {
      send(this.connection, InnerHandshakeReqSchema, {
        proof: linkProof(clusterKey, "decline", meeting),
        declined,
      });
      this.settle.reject(new LinkRefused(declined, { isDeclined: true }));
      this.connection.close(closeNormal);
      return;
    }
    stands(this.connection);
    send(this.connection, InnerHandshakeReqSchema, { proof: linkProof(clusterKey, "dial", meeting) });
    const met: Met = { identity, state };
    this.connection.handOver(this.handlerOf(met));
    this.settle.resolve(met);
  }

  /** Returns what the response proves, and with which key; undefined if it proves nothing. */
  private provenMeeting(
    response: InnerHandshakeResponse,
    acceptor: Meeting["acceptor"],
    side: ProofSide,
  ): { readonly clusterKey: Uint8Array; readonly meeting: Meeting } | undefined {
    const meeting: Meeting = {
      dialler: this.parts.identity,
      acceptor,
      diallerNonce: this.nonce,
      acceptorNonce: response.nonce,
    };
    const addresses = { dialled: this.parts.address, advertised: response.address };
    // The second one is the proof of the previous release, which has no addresses.
    const meetings: readonly Meeting[] = isMeetingAddress(response.address)
      ? [{ ...meeting, addresses }, meeting]
      : [meeting];
    for (const said of meetings) {
      const clusterKey = provenKey(response.proof, this.parts.clusterKeys, side, said);
      if (clusterKey !== undefined) return { clusterKey, meeting: said };
    }
    return undefined;
  }

  private fail(sentence: string, reason: CloseReason): void {
    this.settle.reject(new LinkRefused(sentence));
    this.connection.close(reason);
  }
}
