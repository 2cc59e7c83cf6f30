// A server of the wire protocol that lies: it signs everybody in, and then loses, doubles, reorders or refuses what it
// is asked to, or goes away.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeJwt } from "jose";
import type { Target } from "../../bench/server/target.ts";
import { Command } from "../../src/wire/commands.ts";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { Flag, LoginReqSchema, MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { frameOf } from "../support/wire-client.ts";

/** What it does wrong with each tenth talk of all. */
export type Lie =
  | "none"
  | "lose"
  | "double"
  | "reorder"
  | "answer nothing"
  | "answer twice"
  | "refuse"
  | "invent"
  | "die"
  | "stall"
  | "stall at once"
  | "refuse sign-ins";

const lieEvery = 10;
const heldMsMax = 50;
/** Once, for this long, nothing is answered. */
export const stallMs = 200;

export class FakeServer {
  readonly target: Target;
  talks = 0;
  private readonly lie: Lie;
  private readonly listener: Bun.TCPSocketListener<Peer | undefined>;
  private readonly peers = new Map<string, Peer>();
  /** The push that another one is to overtake. */
  private held: (() => void) | undefined;
  /** What came during the stall. */
  private backlog: (() => void)[] | undefined;

  constructor(lie: Lie) {
    this.lie = lie;
    this.listener = Bun.listen<Peer | undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.data = new Peer(socket, this);
        },
        data: (socket, chunk) => void socket.data?.reader.push(chunk),
      },
    });
    const endpoint = { transport: "tcp", host: "127.0.0.1", port: this.listener.port, path: "/" } as const;
    this.target = { endpoint, secret: "sixteen bytes at least", app: "bench", processes: [] };
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.listener.port}`;
  }

  stop(): void {
    this.listener.stop(true);
  }

  received(peer: Peer, packet: LogicPacket): void {
    const { command, sequence } = packet.header;
    if (command === Command.SignIn) {
      const { acc } = decodeJwt(fromBinary(LoginReqSchema, packet.body).token);
      this.peers.set(String(acc), peer);
      peer.answer(command, sequence, this.lie === "refuse sign-ins" ? Status.Unauthorized : Status.Success);
      return;
    }
    const isLie = ++this.talks % lieEvery === 0;
    const lie = isLie ? this.lie : "none";
    if (this.lie === "stall" && this.talks === lieEvery) this.stall();
    if (this.lie === "stall at once" && this.talks === 1) this.stall();
    if (this.backlog === undefined) this.serve(peer, packet, lie);
    else this.backlog.push(() => this.serve(peer, packet, lie));
  }

  private serve(peer: Peer, packet: LogicPacket, lie: Lie): void {
    const { command, sequence, dest } = packet.header;
    if (lie === "die") {
      this.stop();
      return;
    }
    if (lie !== "answer nothing")
      peer.answer(command, sequence, lie === "refuse" ? Status.SystemException : Status.Success);
    if (lie === "answer twice") peer.answer(command, sequence, Status.Success);
    if (lie === "lose") return;
    const { body } = fromBinary(MessageReqSchema, packet.body);
    const push = (text: string): void => this.peers.get(dest)?.push(text);
    if (lie === "reorder") {
      this.held = () => push(body);
      // The next talk's push overtakes it; without a next talk, it comes all the same.
      setTimeout(() => this.release(), heldMsMax);
      return;
    }
    push(lie === "invent" ? body.replace(/^.{15}/, "000000999999999") : body);
    if (lie === "double") push(body);
    this.release();
  }

  private stall(): void {
    this.backlog = [];
    setTimeout(() => {
      const late = this.backlog ?? [];
      this.backlog = undefined;
      for (const serve of late) serve();
    }, stallMs);
  }

  private release(): void {
    this.held?.();
    this.held = undefined;
  }
}

class Peer implements FrameSink {
  readonly reader = new FrameReader(this, 1024 * 1024);
  private readonly socket: Bun.Socket<Peer | undefined>;
  private readonly server: FakeServer;

  constructor(socket: Bun.Socket<Peer | undefined>, server: FakeServer) {
    this.socket = socket;
    this.server = server;
  }

  answer(command: string, sequence: number, status: Status): void {
    this.write(encodeLogicPacket({ command, sequence, flag: Flag.Response, status }, new Uint8Array(0)));
  }

  push(body: string): void {
    const push = create(MessagePushSchema, { messageId: 1n, type: 1, body });
    this.write(encodeLogicPacket({ command: Command.UserTalk, flag: Flag.Push }, toBinary(MessagePushSchema, push)));
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    const packet = decodePacket(Buffer.from(bytes.subarray(start, end)));
    if (packet.kind === "logic") this.server.received(this, packet);
  }
  pingReceived(): void {}
  pongReceived(): void {}
  closeReceived(): void {}

  private write(packet: Uint8Array): void {
    this.socket.write(frameOf(packet));
  }
}
