// How a link between services begins: three frames, no clocks.
//
//   dialler   InnerHandshakeReq       who I am, my nonce, hints of my keys
//   acceptor  InnerHandshakeResponse  who I am, my nonce, my proof, my state; or why not, and my proof of that
//   dialler   InnerHandshakeReq       my proof; or why I do not want the link, and my proof of that
//
// While the cluster's key is changed, a process has several. One key proves a meeting: the acceptor chooses its first key
// that the dialler has, too, and the dialler takes a proof by any of its keys and answers with the same one. So two
// processes link if they share a key, in whatever order each has it.
//
// Programs of versions without hints have one key. As an acceptor such a program proves that key, and a dialler links if it
// has that key at any place. As a dialler it gives no hints, so the acceptor proves its own first key: the link stands only
// if that is the old program's key. So an old gateway links to a new node while the old key is the first one in the node's
// file, and a new gateway to an old node while the old key is anywhere in the gateway's file.
//
// The proofs cover the address that the dialler dialled and the one that the acceptor advertises, and a link stands only if
// both are the same: behind address translation, too, others dial what is advertised. A dialler of the release before this
// one does not mark its nonce and gets proofs without addresses. An acceptor of it answers a marked nonce with a proof without
// addresses, which no later release does; it is believed unless the acceptor's entry in the registry has a proof, as those
// of later releases have.
//
// Two processes that start under one id in the same moment may each be linked to a node of a service, and be refused by the
// other's. One has to stay: the greater incarnation is told that its id is contested, and asks again while the lesser one
// ends. A lesser one that has been linked for long does not end: then the greater one gives up (dependency.ts).
//
// Whatever else comes, or does not come within three seconds, ends this connection and nothing else.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  hintedKey,
  isMarked,
  isMeetingAddress,
  keyHint,
  keyHintBytes,
  type LinkIdentity,
  linkProof,
  markNonce,
  type Meeting,
  type MeetingAddresses,
  type ProofSide,
  provenKey,
} from "../auth/link-proof.ts";
import { shownText } from "../auth/store-ownership.ts";
import { handshakeBytesMax, linkFrameBytesMax, secretsPerFileMax } from "../base/limits/fixed.ts";
import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { contained } from "../transport/contained.ts";
import type { Connection, FrameHandler } from "../transport/transport.ts";
import { decodeBody } from "../wire/body.ts";
import {
  type CloseReason,
  CloseCode,
  closeNormal,
  closeProtocolFault,
  closeUnauthorised,
} from "../wire/close-reason.ts";
import {
  InnerHandshakeReqSchema,
  type InnerHandshakeResponse,
  InnerHandshakeResponseSchema,
  Status,
} from "../wire/gen/pkt_pb.ts";
import { unknownStores } from "./node-stores.ts";
import { type LinkState, linkStateOf, messageOf } from "./link-state.ts";

const handshakeMsMax = 3_000;
const nonceBytes = 32;
/** A service id, a service's name, an incarnation: parts of keys and of log lines. */
const namePattern = /^[A-Za-z0-9.-]{1,40}$/;

const closeTooLate: CloseReason = { code: CloseCode.Limit, text: "no handshake in time" };

/** The other side does not let us in; the message is its sentence, or what it did wrong. */
export class LinkRefused extends Error {
  override readonly name = "LinkRefused";
  /** It knows us under another incarnation that lives: unless this process is established, it may not go on. */
  readonly isIdTaken: boolean;
  /** That incarnation is the lesser one; if it is new, too, it ends when a node that this process holds refuses it. */
  readonly isContested: boolean;
  /** This side does not want the link. */
  readonly isDeclined: boolean;

  constructor(sentence: string, { isIdTaken = false, isContested = false, isDeclined = false } = {}) {
    super(sentence);
    this.isIdTaken = isIdTaken;
    this.isContested = isContested;
    this.isDeclined = isDeclined;
  }
}

/** What an acceptor needs to know and to decide. */
export interface LinkHost {
  readonly identity: LinkIdentity;
  /** At least one. */
  readonly clusterKeys: readonly Uint8Array[];
  readonly random: Random;
  /** Where others dial this process, `host:port`. */
  readonly address: string;
  /** Told to each dialler. */
  state(): LinkState;
  /** Resolves with the incarnation of another process that holds the dialler's id, and lives. */
  holder(dialler: LinkIdentity): Promise<string | undefined>;
  /** Takes over a link that has proven itself; a reason refuses it. */
  linked(connection: Connection, dialler: LinkIdentity): FrameHandler | CloseReason;
  /** A dialler that has proven itself does not want the link; `sentence` is its reason, fit for a log. */
  declined(dialler: LinkIdentity, sentence: string): void;
  /** Counts those who got no further. */
  refused(kind: string): void;
}

/** What a dialler has to prove, and the keys with which it may. */
interface Expected {
  readonly meeting: Meeting;
  readonly clusterKeys: readonly Uint8Array[];
}

/** The accepting side, until the link stands; then it only passes frames on. */
export class AcceptingHandshake implements FrameHandler {
  private readonly host: LinkHost;
  private readonly connection: Connection;
  private readonly late: ReturnType<typeof setTimeout>;
  private expected: Expected | undefined;
  private isHelloRead = false;
  private inner: FrameHandler | undefined;

  constructor(connection: Connection, host: LinkHost) {
    this.host = host;
    this.connection = connection;
    this.late = setTimeout(
      contained(connection, () => this.fail("late", closeTooLate)),
      handshakeMsMax,
    );
  }

  frame(bytes: Buffer, start: number, end: number): void {
    if (this.inner === undefined) this.received(bytes.subarray(start, end));
    else this.inner.frame(bytes, start, end);
  }

  closed(reason: CloseReason): void {
    clearTimeout(this.late);
    this.inner?.closed(reason);
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
    // A copy: the message is a view on the connection's buffer, which is somebody else's after this turn.
    const meeting: Meeting = {
      dialler,
      acceptor: identity,
      diallerNonce: Uint8Array.from(request.nonce),
      acceptorNonce: random.bytes(nonceBytes),
      ...(request.address === "" ? {} : { addresses: { dialled: request.address, advertised: address } }),
    };
    // A dialler that shares no key with this process does not believe this proof, and says so in its log.
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
      // Who is refused may have to end: it must not take that from a stranger.
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
    clearTimeout(this.late);
    if (declined !== "") {
      this.host.declined(meeting.dialler, shownText(declined, handshakeBytesMax));
      this.connection.close(closeNormal);
      return;
    }
    // Before the service hears of it, which may send at once.
    stands(this.connection);
    const handler = this.host.linked(this.connection, meeting.dialler);
    if ("code" in handler) this.fail("refused", handler);
    else this.inner = handler;
  }

  private fail(kind: string, reason: CloseReason): void {
    if (!this.connection.isOpen) return;
    this.host.refused(kind);
    this.connection.close(reason);
  }
}

/** Whom a dialler has met. */
export interface Met {
  readonly identity: Pick<LinkIdentity, "id" | "incarnation">;
  readonly state: LinkState;
}

/** The dialling side, until the link stands; then it only passes frames on. */
export class DiallingHandshake implements FrameHandler {
  /** Resolves when the link stands; rejects with LinkRefused, or an Error when the connection ends before. */
  readonly met: Promise<Met>;
  private readonly settle: PromiseWithResolvers<Met>;
  private readonly connection: Connection;
  private readonly identity: LinkIdentity;
  private readonly clusterKeys: readonly Uint8Array[];
  private readonly nonce: Uint8Array;
  private readonly late: ReturnType<typeof setTimeout>;
  private readonly handlerOf: (met: Met) => FrameHandler;
  private readonly expectedId: string | undefined;
  private readonly address: string;
  private readonly isProven: boolean;
  private readonly declines: ((state: LinkState) => string | undefined) | undefined;
  private inner: FrameHandler | undefined;

  /** Says hello at once. `handlerOf` makes the link's owner, before anything else is read. */
  constructor(
    connection: Connection,
    parts: {
      readonly identity: LinkIdentity;
      /** At least one. */
      readonly clusterKeys: readonly Uint8Array[];
      readonly random: Random;
      /** Who should answer; undefined: whoever has the key. */
      readonly expectedId: string | undefined;
      /** The address that was dialled, `host:port`, of at most 300 bytes. */
      readonly address: string;
      /** The entry that named the address has a proof (auth/instance-proof.ts): a proof without addresses is not believed. */
      readonly isProven: boolean;
      /** Returns why the link is not wanted, in at most 800 bytes; undefined: it is, or anybody is wanted. */
      readonly declines?: (state: LinkState) => string | undefined;
    },
    handlerOf: (met: Met) => FrameHandler,
  ) {
    this.expectedId = parts.expectedId;
    this.address = parts.address;
    this.isProven = parts.isProven;
    this.declines = parts.declines;
    this.connection = connection;
    this.identity = parts.identity;
    this.clusterKeys = parts.clusterKeys;
    this.handlerOf = handlerOf;
    this.nonce = markNonce(Uint8Array.from(parts.random.bytes(nonceBytes)));
    this.settle = Promise.withResolvers();
    this.met = this.settle.promise;
    this.late = setTimeout(
      contained(connection, () => this.fail("it did not answer the handshake in time", closeTooLate)),
      handshakeMsMax,
    );
    send(connection, InnerHandshakeReqSchema, {
      ServiceId: this.identity.id,
      serviceName: this.identity.service,
      incarnation: this.identity.incarnation,
      nonce: this.nonce,
      keys: this.clusterKeys.map((key) => keyHint(key, this.nonce)),
      address: this.address,
    });
  }

  frame(bytes: Buffer, start: number, end: number): void {
    if (this.inner === undefined) this.answered(bytes.subarray(start, end));
    else this.inner.frame(bytes, start, end);
  }

  closed(reason: CloseReason): void {
    clearTimeout(this.late);
    // Nothing happens when it is settled already.
    this.settle.reject(new Error(`it closed the link: ${reason.code} ${reason.text}`));
    this.inner?.closed(reason);
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
    if (meeting.addresses === undefined && this.isProven) {
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
    if (this.expectedId !== undefined && identity.id !== this.expectedId) {
      this.fail(`it is ${identity.id}, and not ${this.expectedId}`, closeProtocolFault("somebody else was expected"));
      return;
    }
    clearTimeout(this.late);
    const state = linkStateOf(response.state) ?? { load: 0, isAdult: false, stores: unknownStores };
    const declined = this.declines?.(state);
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
    this.inner = this.handlerOf(met);
    this.settle.resolve(met);
  }

  /** Returns what the response proves, and by which key; undefined if it proves nothing. */
  private provenMeeting(
    response: InnerHandshakeResponse,
    acceptor: Meeting["acceptor"],
    side: ProofSide,
  ): { readonly clusterKey: Uint8Array; readonly meeting: Meeting } | undefined {
    const meeting: Meeting = {
      dialler: this.identity,
      acceptor,
      diallerNonce: this.nonce,
      acceptorNonce: response.nonce,
    };
    const addresses = { dialled: this.address, advertised: response.address };
    // The second one is what a former release proves, which says no address.
    const meetings: readonly Meeting[] = isMeetingAddress(response.address)
      ? [{ ...meeting, addresses }, meeting]
      : [meeting];
    for (const said of meetings) {
      const clusterKey = provenKey(response.proof, this.clusterKeys, side, said);
      if (clusterKey !== undefined) return { clusterKey, meeting: said };
    }
    return undefined;
  }

  private fail(sentence: string, reason: CloseReason): void {
    this.settle.reject(new LinkRefused(sentence));
    this.connection.close(reason);
  }
}

/** Reports whether the dialler dialled another address than the acceptor advertises; undefined addresses are not compared. */
function isElsewhere(meeting: Meeting): meeting is Meeting & { readonly addresses: MeetingAddresses } {
  const { addresses } = meeting;
  return addresses !== undefined && addresses.dialled !== addresses.advertised;
}

/** The other side has proven who it is: it may send what a link carries. */
function stands(connection: Connection): void {
  connection.identified();
  connection.frameBytesMax = linkFrameBytesMax;
}

function isIdentity({ id, service, incarnation }: LinkIdentity): boolean {
  return [id, service, incarnation].every((name) => namePattern.test(name));
}

function areHints(keys: readonly Uint8Array[]): boolean {
  return keys.length <= secretsPerFileMax && keys.every(({ length }) => length === keyHintBytes);
}

function firstOf(clusterKeys: readonly Uint8Array[]): Uint8Array {
  const [first] = clusterKeys;
  assert(first !== undefined, "a process of a cluster has at least one key");
  return first;
}

function send<Desc extends DescMessage>(connection: Connection, schema: Desc, init: MessageInitShape<Desc>): void {
  connection.send(toBinary(schema, create(schema, init)));
}
