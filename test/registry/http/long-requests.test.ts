// Requests that name many services: what a turn of the event loop answers of them, and what waits.

import { afterEach, describe, expect, test } from "bun:test";
import { LongRequests } from "../../../src/registry/http/long-requests.ts";
import { testLimits } from "../../support/limits.ts";
import { endAll, eventually, RawConnection, serveRegistry } from "./support.ts";

afterEach(endAll);

const mib = 1024 * 1024;
const services = Array.from({ length: 1_000 }, (_, index) => `appid=s${index}&latest_timestamp=0`).join("&");
const poll = `GET /discovery/polls?env=prod&hostname=h&${services} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

/**
 * A queue whose requests take a millisecond each; `turn` runs a turn of the event loop, and tells whether there is
 * another.
 */
function queue() {
  let nowMs = 0;
  let next: (() => void) | undefined;
  const requests = new LongRequests(
    testLimits({ registryReceivedBytes: 32 * mib }),
    () => nowMs,
    (turn) => (next = turn),
  );
  const done: string[] = [];
  return {
    requests,
    done,
    ask: (address: string, name = address, bytes = 1_000) =>
      requests.answered(address, bytes, () => {
        nowMs++;
        done.push(name);
        return name;
      }),
    turn: (): boolean => {
      const turn = next;
      next = undefined;
      turn?.();
      return next !== undefined;
    },
  };
}

describe("long requests", () => {
  test("are answered a few a turn, one address after the other", async () => {
    const { ask, turn, done } = queue();
    const first = ask("a", "a1");
    for (const name of ["a2", "a3"]) void ask("a", name);
    void ask("b", "b1");
    expect(done).toEqual([]);
    expect([turn(), ...done]).toEqual([true, "a1", "b1"]);
    expect([turn(), ...done]).toEqual([false, "a1", "b1", "a2", "a3"]);
    expect(await first).toBe("a1");
    void ask("c");
    expect([turn(), done.at(-1)]).toEqual([false, "c"]);
  });

  test("that wait are bounded in bytes, by address and in all", () => {
    const { ask, turn } = queue();
    const bytes = 4 * mib;
    expect([ask("a", "a1", bytes), ask("a", "a2", bytes)].includes(undefined)).toBe(false);
    expect(ask("a", "a3", 1)).toBeUndefined();
    expect([ask("b", "b1", bytes), ask("", "c1", bytes)].includes(undefined)).toBe(false);
    expect(ask("d", "d1", 1)).toBeUndefined();
    while (turn());
    expect(ask("a", "a4", 2 * bytes)).toBeDefined();
  });

  test("reject with what their answer throws, and the next one is answered", async () => {
    const { requests, ask, turn, done } = queue();
    const failed = requests.answered("a", 1, () => {
      throw new Error("broken");
    });
    void ask("a", "a2");
    turn();
    await expect(failed).rejects.toThrow("broken");
    expect(done).toEqual(["a2"]);
  });
});

test("a short request is answered before most of the polls of 1,000 services that came before it", async () => {
  const { port } = serveRegistry(undefined, { watches: 1_024 });
  const polling = await Promise.all(Array.from({ length: 60 }, () => RawConnection.open({ port })));
  const other = await RawConnection.open({ port });
  for (const connection of polling) connection.write(poll);
  other.write("GET /discovery/nodes HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await other.until("HTTP/1.1 200 OK");
  expect(polling.filter(({ text }) => text !== "").length).toBeLessThan(30);
  // One waits; the others are more than may.
  await eventually("all others are refused", () => polling.filter(({ text }) => text.includes("-509")).length === 59);
});

test("long polls whose clients leave before their turn do not wait", async () => {
  const { port, http } = serveRegistry();
  const connections = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open({ port })));
  for (const connection of connections) connection.write(poll);
  await eventually("some wait", () => http.pollsWaiting > 0);
  for (const connection of connections) connection.close();
  await eventually("none waits", () => http.pollsWaiting === 0);
});
