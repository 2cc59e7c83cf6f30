// A request that came over a gateway's link. It owns a copy of the packet, because the view of the link's buffer is
// valid only during the handler's turn.

import { create, toBinary } from "@bufbuild/protobuf";
import { linkFrameBytesMax } from "../base/limits/fixed.ts";
import { ErrorRespSchema, Status } from "../wire/gen/pkt_pb.ts";
import type { PacketScan } from "../wire/packet-scan.ts";
import { type AnswerScan, responseBytes, writeResponse } from "../wire/packet-stamp.ts";
import { Context, type GatewayLink } from "./context.ts";

/** Larger answers are not queued for a full link; their requests are refused. */
const keptAnswerBytesMax = 1024;

/** A request of a client. All have one hidden class: without other contexts, the path of talks is monomorphic. */
export class LinkContext extends Context implements AnswerScan {
  readonly link: GatewayLink;
  readonly packet: Buffer;
  readonly command: string;
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

  constructor(link: GatewayLink, view: Buffer, scan: PacketScan, command: string, app: string, receivedMs: number) {
    super();
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

  /** A client's requests are charged to its account. */
  get payer(): string {
    return this.account;
  }

  get isBackEnd(): boolean {
    return false;
  }

  get isOpen(): boolean {
    return this.link.connection.isOpen;
  }

  get unsentBytes(): number {
    return this.link.connection.unsentBytes;
  }

  dismiss(): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.link.unanswered--;
  }

  refuse(status: Status, sentence: string): void {
    this.answer(status, toBinary(ErrorRespSchema, create(ErrorRespSchema, { message: sentence })));
  }

  fail(bug: unknown): void {
    this.link.connection.fail(bug);
  }

  protected answer(status: Status, body: Uint8Array): void {
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
