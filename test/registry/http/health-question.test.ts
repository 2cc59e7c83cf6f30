// The question of a health check, over real HTTP.

import { afterEach, describe, expect, test } from "bun:test";
import { registryToken } from "../../../src/auth/registry-token.ts";
import { probeOverHttp } from "../../../src/registry/node/health-checks.ts";
import { at, endAll, endLater, eventually, TestNode } from "./support.ts";

describe("the question", () => {
  afterEach(endAll);

  function serverThat(answer: (request: Request) => Response | Promise<Response>): string {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: answer });
    endLater(() => server.stop(true));
    return server.url.href;
  }

  test("is answered well by a status from 200 to 299, and by no other", async () => {
    const url = serverThat((request) => new Response("", { status: Number(new URL(request.url).pathname.slice(1)) }));
    for (const [status, isWell] of [
      [200, true],
      [204, true],
      [299, true],
      [304, false],
      [404, false],
      [500, false],
      [503, false],
    ])
      expect([status, await probeOverHttp(`${url}${String(status)}`)]).toEqual([status, isWell]);
  });

  test("goes nowhere else when it is sent there", async () => {
    let visits = 0;
    const target = serverThat(() => {
      visits++;
      return new Response("");
    });
    expect(await probeOverHttp(serverThat(() => Response.redirect(target, 302)))).toBe(false);
    expect(visits).toBe(0);
  });

  test("does not read an endless answer", async () => {
    let pulls = 0;
    let isLeft = false;
    const url = serverThat(() => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await Bun.sleep(1);
          pulls++;
          controller.enqueue(new Uint8Array(64 * 1024));
        },
        cancel() {
          isLeft = true;
        },
      });
      return new Response(body);
    });
    expect(await probeOverHttp(url)).toBe(true);
    await eventually("the server to be left", () => isLeft);
    expect(pulls).toBeLessThan(1_000);
  });

  test("is not answered by a closed port, by noise, and by silence", async () => {
    const listener = (data: string | undefined): string => {
      const server = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket) {
            if (data !== undefined) socket.end(data);
          },
        },
      });
      endLater(async () => server.stop(true));
      return `http://127.0.0.1:${server.port}/`;
    };
    const answers = ["http://127.0.0.1:1/", listener("noise\r\n\r\n"), listener(""), listener(undefined)].map((each) =>
      probeOverHttp(each),
    );
    expect(await Promise.all(answers)).toEqual([false, false, false, false]);
  });
});

test("a node asks what was registered with its key, over HTTP, and says what it found", async () => {
  try {
    let visits = 0;
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(String(visits++)) });
    endLater(() => server.stop(true));
    const clusterKey = new TextEncoder().encode("the key of this cluster");
    const node = await TestNode.start({ clusterKeys: [clusterKey] });
    const values = { addrs: `tcp://127.0.0.1:1`, metadata: JSON.stringify({ health_url: server.url.href }) };
    const headers = { authorization: `Bearer ${registryToken(clusterKey)}` };
    expect((await node.register(values, { headers })).code).toBe(0);
    await eventually("a visit", () => visits > 0);
    expect(at(await node.instance(), "status")).toBe(1);
  } finally {
    await endAll();
  }
});
