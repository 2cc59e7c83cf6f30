// What a transport's test file gives to the suite of all transports: how to listen and how to dial; and the servers and
// connections that the tests make of it.

import { afterEach } from "bun:test";
import type { Acceptor, Connection, FrameHandler, Server } from "../../src/transport/transport.ts";
import { closeNormal, type CloseReason } from "../../src/wire/close-reason.ts";
import { Recording, type TestOptions, testOptions, turn } from "./recording.ts";

/** A client's end in a test. */
export interface TestClient {
  readonly frames: Buffer[];
  readonly reasons: CloseReason[];
  framesReach(count: number): Promise<void>;
  end(): Promise<CloseReason>;
  /** Queues one frame. */
  send(payload: Uint8Array): void;
  close(reason: CloseReason): void;
}

export interface World {
  listen(acceptor: Acceptor, options: TestOptions): Server;
  dial(server: Server, options: TestOptions): Promise<TestClient>;
}

/** A client made of our own dialler. */
export class DialledClient extends Recording implements TestClient {
  send(payload: Uint8Array): void {
    if (!this.connection.send(payload)) throw new Error("the client could not send");
  }

  close(reason: CloseReason): void {
    this.connection.close(reason);
  }
}

/** Servers of a test, closed after it. Made inside `describe`. */
export class Stage {
  readonly makeWorld: () => World;
  private readonly servers: Server[] = [];

  constructor(makeWorld: () => World) {
    this.makeWorld = makeWorld;
    afterEach(async () => {
      await Promise.all(this.servers.splice(0).map((server) => server.close(closeNormal)));
    });
  }

  /** Listens; the server is closed after the test. */
  listen(world: World, acceptor: Acceptor, options: TestOptions): Server {
    const server = world.listen(acceptor, options);
    this.servers.push(server);
    return server;
  }

  /** A server that records, and a way to its connections. */
  serve(world: World, options: TestOptions, begin: (accepted: Recording) => void = () => {}) {
    const accepted: Recording[] = [];
    const acceptor: Acceptor = {
      accept(connection: Connection): FrameHandler {
        const recording = new Recording(connection);
        accepted.push(recording);
        begin(recording);
        return recording;
      },
    };
    const server = this.listen(world, acceptor, options);
    return { server, accepted };
  }

  /** A server, a client of it, and the owner of the connection that was accepted. */
  async pair(options = testOptions(), begin?: (accepted: Recording) => void) {
    const world = this.makeWorld();
    const { server, accepted } = this.serve(world, options, begin);
    const client = await world.dial(server, testOptions({ wheel: options.wheel, unsentBytesMax: 64 * 1024 * 1024 }));
    while (accepted.length === 0) await turn();
    const [owner] = accepted;
    if (owner === undefined) throw new Error("one was accepted");
    return { world, server, accepted, client, owner };
  }
}
