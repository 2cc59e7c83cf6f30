// One request in a service: its sender, as the gateway stamped it, and its response. It owns a copy of the packet,
// because the view of the link's buffer is valid only during the handler's turn.

import { toBinary, create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { linkFrameBytesMax } from "../base/limits/fixed.ts";
import { ErrorRespSchema, Status } from "../wire/gen/pkt_pb.ts";
import { decodeBody } from "../wire/body.ts";
import type { PacketScan } from "../wire/packet-scan.ts";
import { type AnswerScan, responseBytes, writeResponse } from "../wire/packet-stamp.ts";
import type { Location } from "../session/sessions.ts";
import type { Connection } from "../transport/transport.ts";
import type { LinkBacklog } from "./link-backlog.ts";
import { Refusal } from "./refusal.ts";

const noBody = new Uint8Array(0);
const notLocated: Location = Object.freeze({ device: "", channelId: "", gateway: "", incarnation: "" });
/** Larger answers are not queued for a full link; their requests are refused. */
const keptAnswerBytesMax = 1024;

/** The link of the gateway that sent a request and receives its response. */
export interface GatewayLink {
  /** The gateway's service id, as the link's handshake proved it. */
  readonly gateway: string;
  readonly incarnation: string;
  readonly connection: Connection;
  /** The number of unanswered requests of this link. */
  unanswered: number;
  /** The packets that wait until the link has room. */
  readonly backlog: LinkBacklog;
}

/** A request, its sender, and its one answer. */
export class Context implements AnswerScan {
  readonly link: GatewayLink;
  /** The whole packet, owned. */
  readonly packet: Buffer;
  readonly command: string;
  /** Stamped by the gateway: the sender's tenant, account and connection. */
  readonly app: string;
  readonly account: string;
  readonly channelId: string;
  readonly sequence: number;
  readonly dest: string;
  readonly bodyStart: number;
  // The fields that the response repeats: scanning the packet again would cost more than these numbers.
  readonly commandStart: number;
  readonly commandEnd: number;
  readonly channelIdStart: number;
  readonly channelIdEnd: number;
  readonly destStart: number;
  readonly destEnd: number;
  readonly ticket: number;
  /** When the packet arrived, on the monotonic clock. */
  readonly receivedMs: number;
  /** The sender's session; set by the session middleware. */
  location: Location = notLocated;
  /** A request has one response; a second one is a bug and is dropped. */
  isAnswered = false;

  constructor(link: GatewayLink, view: Buffer, scan: PacketScan, command: string, app: string, receivedMs: number) {
    this.link = link;
    this.packet = Buffer.from(view);
    this.command = command;
    this.app = app;
    this.account = scan.accountStart < 0 ? "" : view.toString("utf8", scan.accountStart, scan.accountEnd);
    this.channelId = scan.channelIdStart < 0 ? "" : view.toString("utf8", scan.channelIdStart, scan.channelIdEnd);
    this.dest = scan.destStart < 0 ? "" : view.toString("utf8", scan.destStart, scan.destEnd);
    this.sequence = scan.sequence;
    this.bodyStart = scan.bodyStart;
    this.commandStart = scan.commandStart;
    this.commandEnd = scan.commandEnd;
    this.channelIdStart = scan.channelIdStart;
    this.channelIdEnd = scan.channelIdEnd;
    this.destStart = scan.destStart;
    this.destEnd = scan.destEnd;
    this.ticket = scan.ticket;
    this.receivedMs = receivedMs;
  }

  /** The length of the request's body. */
  get bodyBytes(): number {
    return this.packet.length - this.bodyStart;
  }

  /** Decodes the request's body; throws InvalidPacketBody if it is not a message of this schema. */
  body<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> {
    const message = decodeBody(schema, this.packet.subarray(this.bodyStart));
    if (message === undefined) throw new Refusal(Status.InvalidPacketBody, `the body is not a ${schema.name}`);
    return message;
  }

  /** Answers with Success; returns the length of the body. */
  respond<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): number {
    return this.respondView(toBinary(schema, create(schema, init)));
  }

  /** Answers with Success and an encoded body, which is copied; returns its length. */
  respondView(body: Uint8Array): number {
    this.answer(Status.Success, body);
    return body.length;
  }

  /** Answers with Success and an empty body. */
  respondEmpty(): void {
    this.answer(Status.Success, noBody);
  }

  /** Ends a request that needs no response. */
  dismiss(): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.link.unanswered--;
  }

  /** Answers with an error status and a sentence. */
  refuse(status: Status, sentence: string): void {
    this.answer(status, toBinary(ErrorRespSchema, create(ErrorRespSchema, { message: sentence })));
  }

  private answer(status: Status, body: Uint8Array): void {
    if (this.isAnswered) return;
    this.dismiss();
    const { connection, gateway } = this.link;
    const bytes = responseBytes(this.packet, this, status, gateway, body);
    if (bytes > linkFrameBytesMax) {
      this.isAnswered = false;
      this.link.unanswered++;
      this.refuse(Status.PayloadTooLarge, "the answer is too large; ask for less");
      return;
    }
    const at = connection.reserve(bytes);
    if (at < 0) {
      this.answerLater(status, body);
      return;
    }
    try {
      writeResponse(connection.outbound, at, this.packet, this, status, gateway, body);
    } catch (bug) {
      // The request is still unanswered: the caller refuses it.
      connection.unreserve();
      this.isAnswered = false;
      this.link.unanswered++;
      throw bug;
    }
  }

  /** Queues a response until the link has room. If the link has ended, its gateway answers its clients itself. */
  private answerLater(status: Status, body: Uint8Array): void {
    const { connection, gateway, backlog } = this.link;
    if (!connection.isOpen) return;
    const bytes = responseBytes(this.packet, this, status, gateway, body);
    if (bytes > keptAnswerBytesMax) {
      const refusal = { message: "the link to your gateway is full, try again" };
      status = Status.ServiceUnavailable;
      body = toBinary(ErrorRespSchema, create(ErrorRespSchema, refusal));
    }
    const packet = Buffer.allocUnsafe(responseBytes(this.packet, this, status, gateway, body));
    writeResponse(packet, 0, this.packet, this, status, gateway, body);
    backlog.answer(packet);
  }
}
