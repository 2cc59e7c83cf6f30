// A client under full control: it writes whatever bytes it is given, and reads or does not. It never outlives its
// process.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { type Dialect, dialectOf } from "../generator/dialect.ts";
import { inBatches } from "../generator/in-batches.ts";
import { tokenFor } from "../generator/load-client.ts";
import type { PlainTransport } from "../server/target.ts";
import type { Place } from "./attack.ts";
import { attackerAddress, forwarded } from "./attacker-address.ts";

/** Sign-ins under way at once. */
const abreast = 20;
const answerMsMax = 20_000;
const nothing = Buffer.alloc(0);

export class RawSocket {
  isClosed = false;
  /** Resolves when the connection is closed. */
  readonly ended: Promise<void>;
  private readonly ending = Promise.withResolvers<void>();
  /** Bytes that came, while it reads. */
  received = 0;
  private socket: Bun.Socket | undefined;
  private rest: Buffer = nothing;
  private free = Promise.withResolvers<void>();
  private heard = Promise.withResolvers<void>();

  private constructor() {
    this.ended = this.ending.promise;
  }

  /** Connects to a port of this machine; rejects when it is refused. */
  static async connect(port: number): Promise<RawSocket> {
    const raw = new RawSocket();
    raw.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => {
          raw.received += chunk.length;
          raw.heard.resolve();
        },
        drain: () => raw.push(),
        close: () => raw.closed(),
        error: () => raw.closed(),
      },
    });
    return raw;
  }

  /** Writes bytes; resolves when the kernel has taken them, or the connection is closed. */
  async write(bytes: Buffer): Promise<void> {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.push();
    if (this.rest.length > 0 && !this.isClosed) await this.free.promise;
  }

  /** Writes the same bytes again and again, at a bounded rate per second; returns when the connection is closed. */
  async flood(bytes: Buffer, bytesPerSecond = Infinity): Promise<void> {
    const startMs = performance.now();
    for (let sent = 0; !this.isClosed;) {
      if (this.rest.length > 0) {
        // A peer that reads nothing holds this up indefinitely.
        await Promise.race([this.free.promise, Bun.sleep(100)]);
      } else if (sent > ((performance.now() - startMs) / 1000) * bytesPerSecond) await Bun.sleep(1);
      else {
        this.rest = bytes;
        this.push();
        sent += bytes.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Waits until more has come, or the connection is closed; rejects when that takes too long. */
  async hears(bytes = this.received + 1): Promise<void> {
    const endMs = performance.now() + answerMsMax;
    while (this.received < bytes && !this.isClosed) {
      if (performance.now() > endMs) throw new Error("the server does not answer the attackers");
      this.heard = Promise.withResolvers<void>();
      await Promise.race([this.heard.promise, Bun.sleep(200)]);
    }
  }

  /** Reads no more. */
  deafen(): void {
    this.socket?.pause();
  }

  end(): void {
    this.socket?.terminate();
    this.closed();
  }

  private push(): void {
    if (this.isClosed) return;
    if (this.rest.length > 0) {
      const taken = this.socket?.write(this.rest) ?? 0;
      if (taken > 0) this.rest = this.rest.subarray(taken);
    }
    if (this.rest.length > 0) return;
    const { free } = this;
    this.free = Promise.withResolvers<void>();
    free.resolve();
  }

  private closed(): void {
    this.isClosed = true;
    this.ending.resolve();
    this.free.resolve();
    this.heard.resolve();
  }
}

/** A socket at a clients' listener, and how frames are written there. */
export class RawClient {
  readonly socket: RawSocket;
  readonly dialect: Dialect;

  private constructor(socket: RawSocket, dialect: Dialect) {
    this.socket = socket;
    this.dialect = dialect;
  }

  /** Connects, upgrades if need be, and says no more. */
  static async connect(place: Place, transport: PlainTransport, address = attackerAddress): Promise<RawClient> {
    const endpoint = place[transport];
    if (endpoint === undefined) throw new Error(`the server takes no clients over ${transport}`);
    const socket = await RawSocket.connect(endpoint.port);
    const dialect = dialectOf(endpoint);
    if (dialect.greeting === undefined) {
      if (place.isBehindProxy) await socket.write(Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 1024 1024\r\n`));
    } else {
      await socket.write(forwarded(place, dialect.greeting, address));
      await socket.hears();
    }
    return new RawClient(socket, dialect);
  }

  /** Connects and signs in; whether the server accepts it shows in `socket.isClosed`. */
  static async signIn(
    place: Place,
    transport: PlainTransport,
    account: string,
    address = attackerAddress,
  ): Promise<RawClient> {
    const token = await tokenFor(place, account);
    const client = await RawClient.connect(place, transport, address);
    await client.send(Command.SignIn, "", toBinary(LoginReqSchema, create(LoginReqSchema, { token })));
    await client.socket.hears();
    return client;
  }

  /** Writes one request, whose answer nobody looks at. */
  send(command: string, dest: string, body: Uint8Array, sequence = 1): Promise<void> {
    return this.socket.write(this.dialect.frame(encodeLogicPacket({ command, dest, sequence }, body)));
  }
}

/** Signs `count` of them in, each an account of its own; those that the server refuses are left out. */
export async function signInAll(
  place: Place,
  transport: PlainTransport,
  count: number,
  name: string,
  addressOf: (index: number) => string = () => attackerAddress,
): Promise<RawClient[]> {
  const clients = await inBatches(count, abreast, (index) =>
    RawClient.signIn(place, transport, `${name}-${index}`, addressOf(index)).catch(() => undefined),
  );
  return clients.filter((client) => client !== undefined).filter(({ socket }) => !socket.isClosed);
}
