// A server that does what a test says: real sockets, the wire protocol, no logic but defaults (it signs everybody in,
// its index is empty, every other request succeeds with an empty body). Each test overrides what it is about.

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { CloseReason } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { closeFrame } from "../../src/wire/frame-writer.ts";
import {
  ErrorRespSchema,
  Flag,
  LoginReqSchema,
  LoginRespSchema,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  type Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { Header } from "../../src/wire/gen/messages/header.ts";
import { basicPong, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { frameOf } from "./wire-client.ts";

export type Script = (request: PeerRequest) => void;

/** One client's connection. */
export class PeerConnection {
  private readonly write: (packet: Uint8Array<ArrayBuffer>) => void;
  /** Ends it as a server does; without a reason as a broken network does. */
  readonly end: (reason?: CloseReason) => void;

  constructor(write: (packet: Uint8Array<ArrayBuffer>) => void, end: (reason?: CloseReason) => void) {
    this.write = write;
    this.end = end;
  }

  raw(packet: Uint8Array<ArrayBuffer>): void {
    this.write(packet);
  }

  push<Desc extends DescMessage>(command: string, dest: string, schema: Desc, init: MessageInitShape<Desc>): void {
    this.write(encodeLogicPacket({ command, dest, flag: Flag.Push }, toBinary(schema, create(schema, init))));
  }

  /** A direct message from `sender`. */
  message(to: string, messageId: bigint, previousId: bigint, sender = "bob"): void {
    this.push(Command.UserTalk, to, MessagePushSchema, {
      messageId,
      previousId,
      sender,
      type: 1,
      body: `body ${messageId}`,
    });
  }
}

export class PeerRequest {
  readonly header: Header;
  readonly connection: PeerConnection;
  private readonly bytes: Uint8Array;

  constructor(header: Header, bytes: Uint8Array, connection: PeerConnection) {
    this.header = header;
    this.bytes = bytes;
    this.connection = connection;
  }

  body<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> {
    return fromBinary(schema, this.bytes);
  }

  respond<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): void {
    this.answer(0, toBinary(schema, create(schema, init)));
  }

  succeed(): void {
    this.answer(0, new Uint8Array(0));
  }

  refuse(status: Status, message: string): void {
    this.answer(status, toBinary(ErrorRespSchema, create(ErrorRespSchema, { message })));
  }

  private answer(status: Status, body: Uint8Array): void {
    const { command, sequence, dest } = this.header;
    this.connection.raw(encodeLogicPacket({ command, sequence, dest, status, flag: Flag.Response }, body));
  }
}

export class ScriptedPeer {
  /** What this peer's account has received: the index that it answers with. */
  readonly received: bigint[] = [];
  /** Ids of the contents that were asked for, and what was acknowledged, in order. */
  readonly contentsAsked: bigint[] = [];
  readonly acknowledged: bigint[] = [];
  /** The `message_id` of each index request, in order. */
  readonly indexAsked: bigint[] = [];
  readonly tokens: string[] = [];
  /** Those that are signed in, in the order of signing in; ended ones stay. */
  readonly connections: PeerConnection[] = [];
  /** Basic packets that came. */
  heartbeats = 0;
  answersHeartbeats = true;
  private readonly scripts = new Map<string, Script>();
  private server: { stop(force?: boolean): unknown } | undefined;
  url = "";

  /** `pageEntries`: the longest index answer. `port` 0: any that is free. */
  static start(transport: "ws" | "tcp", pageEntries = 2_000, port = 0): ScriptedPeer {
    const peer = new ScriptedPeer();
    peer.on(Command.SignIn, (request) => peer.signIn(request));
    peer.on(Command.OfflineIndex, (request) => {
      const { messageId } = request.body(MessageIndexReqSchema);
      peer.indexAsked.push(messageId);
      const start = messageId === 0n ? (peer.acknowledged.at(-1) ?? 0n) : messageId;
      const indexes = peer.received
        .filter((id) => id > start)
        .slice(0, pageEntries)
        .map((id) => ({ messageId: id, direction: 0, accountB: "bob" }));
      request.respond(MessageIndexRespSchema, {
        indexes,
      });
    });
    peer.on(Command.OfflineContent, (request) => {
      const { messageIds } = request.body(MessageContentReqSchema);
      peer.contentsAsked.push(...messageIds);
      request.respond(MessageContentRespSchema, {
        contents: messageIds.map((messageId) => ({ messageId, type: 1, body: `body ${messageId}` })),
      });
    });
    peer.on(Command.TalkAck, (request) => {
      peer.acknowledged.push(request.body(MessageAckReqSchema).messageId);
      request.succeed();
    });
    if (transport === "ws") peer.listenWebSocket(port);
    else peer.listenTcp(port);
    return peer;
  }

  /** What happens at a command from now on. */
  on(command: string, script: Script): void {
    this.scripts.set(command, script);
  }

  /** What happens at a command now. */
  scriptOf(command: string): Script {
    return this.scripts.get(command) ?? ((request) => request.succeed());
  }

  signIn(request: PeerRequest): void {
    const { token } = request.body(LoginReqSchema);
    this.tokens.push(token);
    request.respond(LoginRespSchema, { account: "alice", channelId: `channel-${this.tokens.length}` });
    this.connections.push(request.connection);
  }

  /** The connection that signed in last. */
  get latest(): PeerConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("nobody has signed in");
    return connection;
  }

  async stop(): Promise<void> {
    await this.server?.stop(true);
  }

  private packet(bytes: Uint8Array, connection: PeerConnection): void {
    const packet = decodePacket(bytes);
    if (packet.kind === "basic") {
      this.heartbeats++;
      if (this.answersHeartbeats) connection.raw(basicPong);
      return;
    }
    const request = new PeerRequest(packet.header, packet.body, connection);
    const script = this.scripts.get(packet.header.command);
    if (script === undefined) request.succeed();
    else script(request);
  }

  private listenWebSocket(port: number): void {
    const take = (bytes: Uint8Array, connection: PeerConnection): void => this.packet(bytes, connection);
    const server = Bun.serve<{ connection: PeerConnection | undefined }, never>({
      hostname: "127.0.0.1",
      port,
      fetch: (request, running) => {
        if (running.upgrade(request, { data: { connection: undefined } })) return undefined;
        return new Response("this is a WebSocket server", { status: 426 });
      },
      websocket: {
        open(socket) {
          socket.data.connection = new PeerConnection(
            (packet) => void socket.sendBinary(packet),
            (reason) => {
              if (reason === undefined) socket.terminate();
              else socket.close(reason.code, reason.text);
            },
          );
        },
        message(socket, message) {
          const { connection } = socket.data;
          if (connection !== undefined && typeof message !== "string") take(message, connection);
        },
      },
    });
    this.server = server;
    this.url = `ws://127.0.0.1:${server.port}`;
  }

  private listenTcp(port: number): void {
    const take = (bytes: Uint8Array, connection: PeerConnection): void => this.packet(bytes, connection);
    const server = Bun.listen<{ reader: FrameReader | undefined }>({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          const connection = new PeerConnection(
            (packet) => void socket.write(frameOf(packet)),
            (reason) => {
              if (reason !== undefined) socket.write(closeFrame(reason));
              socket.end();
            },
          );
          const reader = new FrameReader(
            {
              binaryReceived: (bytes, start, end) => take(Uint8Array.from(bytes.subarray(start, end)), connection),
              pingReceived: () => undefined,
              pongReceived: () => undefined,
              closeReceived: () => void socket.end(),
            },
            1024 * 1024,
          );
          socket.data = { reader };
        },
        data(socket, chunk) {
          socket.data.reader?.push(chunk);
        },
      },
    });
    this.server = server;
    this.url = `tcp://127.0.0.1:${server.port}`;
  }
}
