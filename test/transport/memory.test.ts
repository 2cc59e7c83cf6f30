import { describe, expect, test } from "bun:test";
import { MemoryNetwork, poisonByte } from "../../src/transport/memory.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { Recording, recordingAcceptor, testOptions, turn } from "./recording.ts";
import { DialledClient } from "./stage.ts";
import { describeTransport } from "./suite.ts";

describeTransport("memory", () => {
  const network = new MemoryNetwork();
  return {
    listen: (acceptor, options) => network.listen("server", acceptor, { ...options, poison: true }),
    dial: async (server, options) => {
      const box: DialledClient[] = [];
      const open = (connection: ConstructorParameters<typeof DialledClient>[0]): DialledClient => {
        const client = new DialledClient(connection);
        box.push(client);
        return client;
      };
      await network.dial(server.address, "10.0.0.1", open, { ...options, poison: true });
      const [client] = box;
      if (client === undefined) throw new Error("dialled without a handler");
      return client;
    },
  };
});

describe("the memory network", () => {
  async function pair(options = testOptions()) {
    const network = new MemoryNetwork();
    const accepted: Recording[] = [];
    const server = network.listen("chat", recordingAcceptor(accepted), { ...options, poison: true });
    const connection = await network.dial("chat", "gateway-1", (end) => new Recording(end), testOptions());
    const [owner] = accepted;
    if (owner === undefined) throw new Error("one was accepted");
    return { network, server, connection, owner };
  }

  test("names the peers to each other", async () => {
    const { connection, owner } = await pair();
    expect(owner.connection.remoteAddress).toBe("gateway-1");
    expect(connection.remoteAddress).toBe("chat");
  });

  test("overwrites a view after its handler returned, so that keeping one shows", async () => {
    const { connection, owner } = await pair();
    const kept: Buffer[] = [];
    owner.onFrame = (payload) => kept.push(payload);
    connection.send(Buffer.from("kept by mistake"));
    await owner.framesReach(1);
    await turn();
    expect(owner.frames[0]?.toString()).toBe("kept by mistake");
    expect(kept[0]?.every((byte) => byte === poisonByte)).toBe(true);
  });

  test("closes with 1009 at a frame above the receiver's frameBytesMax", async () => {
    const options = testOptions({ frameBytesMax: 100 });
    const { connection, owner } = await pair(options);
    connection.send(Buffer.alloc(100));
    connection.send(Buffer.alloc(101));
    expect((await owner.end()).code).toBe(1009);
    expect(owner.frames.length).toBe(1);
    expect(options.observer.faults).toEqual(["frame-too-large"]);
  });

  test("refuses an address in use, and to dial one where nobody listens", async () => {
    const { network, server } = await pair();
    expect(() => network.listen("chat", { accept: () => closeNormal }, testOptions())).toThrow("address in use");
    await server.close(closeNormal);
    await expect(network.dial("chat", "x", (end) => new Recording(end), testOptions())).rejects.toThrow(
      "nobody listens",
    );
  });

  test("lets a handler send on the very connection whose frame it handles", async () => {
    const { connection, owner } = await pair();
    owner.onFrame = (payload) => {
      if (payload.length < 50) connection.send(Buffer.alloc(payload.length + 1, payload.length));
    };
    connection.send(Buffer.from("x"));
    await owner.framesReach(50);
    expect(owner.frames.map((frame) => frame.length)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });
});
