// The wire of one connection of a simulated client: frames, requests and their answers.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { parseCloseText } from "../../src/wire/frame-writer.ts";
import { Flag, Status } from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { frameOf } from "../support/wire-client.ts";

const answerMsMax = 6_000;
const retryMs = 500;
const frameBytesMax = 16 * 1024 * 1024;

type OnAnswer = (status: Status, body: Uint8Array) => void;

/** Who uses the wire. */
interface WireUser {
  opened(): void;
  pushed(packet: LogicPacket): void;
  closed(code: number): void;
}

export class PhoneWire {
  private readonly user: WireUser;
  private readonly reader: FrameReader;
  private socket: Bun.Socket | undefined;
  private readonly waiting = new Map<number, OnAnswer>();
  private sequence = 0;
  private closeCode = 1006;
  isOver = false;

  constructor(user: WireUser) {
    this.user = user;
    this.reader = new FrameReader(
      {
        binaryReceived: (bytes, start, end) => this.received(Buffer.from(bytes.subarray(start, end))),
        pingReceived: () => undefined,
        pongReceived: () => undefined,
        closeReceived: (payload) => {
          this.closeCode = parseCloseText(payload).code;
          this.over();
        },
      },
      frameBytesMax,
    );
  }

  open(address: string): void {
    const colon = address.lastIndexOf(":");
    const late = setTimeout(() => this.end(false), answerMsMax);
    const over = (): void => this.over();
    void Bun.connect({
      hostname: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      socket: {
        open: (socket) => {
          clearTimeout(late);
          if (this.isOver) {
            socket.terminate();
            return;
          }
          this.socket = socket;
          this.user.opened();
        },
        data: (_, chunk) => void this.reader.push(chunk),
        close: over,
        error: over,
        connectError: over,
      },
    });
  }

  ping(): void {
    this.socket?.write(frameOf(basicPing));
  }

  end(isPolite: boolean): void {
    if (this.isOver) return;
    if (isPolite) this.socket?.shutdown();
    else this.socket?.terminate();
    this.over();
  }

  /** Sends a request; without an answer the connection ends. Returns its sequence. */
  ask<Desc extends DescMessage>(
    command: string,
    dest: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
    answered: OnAnswer,
  ): number {
    return this.askEncoded(command, dest, toBinary(schema, create(schema, init)), answered);
  }

  /** The same with a body that is encoded already. */
  askEncoded(command: string, dest: string, body: Uint8Array, answered: OnAnswer): number {
    const sequence = ++this.sequence;
    const late = setTimeout(() => this.end(false), answerMsMax);
    this.waiting.set(sequence, (status, answer) => {
      clearTimeout(late);
      answered(status, answer);
    });
    this.socket?.write(frameOf(encodeLogicPacket({ command, dest, sequence }, body)));
    return sequence;
  }

  /** After a failure: does something again soon, unless the session is lost. */
  later(status: Status, action: () => void): void {
    if (status === Status.SessionNotFound) this.end(true);
    else setTimeout(() => this.isOver || action(), retryMs);
  }

  private received(bytes: Buffer): void {
    if (this.isOver) return;
    const packet = decodePacket(bytes);
    if (packet.kind !== "logic") return;
    const { header, body } = packet;
    if (header.flag === Flag.Response) {
      const answered = this.waiting.get(header.sequence);
      this.waiting.delete(header.sequence);
      answered?.(header.status, body);
    } else this.user.pushed(packet);
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.user.closed(this.closeCode);
  }
}
