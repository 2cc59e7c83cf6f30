// A thousand senders and a receiver that does what it should not: late and partial answers, wrong types, verdicts on
// questions that it was not asked, connections that end. What passes was allowed; what was refused does not pass.

import { afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { until } from "../../scripts/harness/until.ts";
import { systemRandom } from "../../src/base/random.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { HookAddresses } from "../../src/hooks/addresses.ts";
import { BeforeHooks } from "../../src/hooks/before-hooks.ts";
import { HookCounts } from "../../src/hooks/hook-counts.ts";
import { HttpSender } from "../../src/hooks/http-sender.ts";
import type { Endpoint } from "../../src/store/hooks.ts";
import { noHooks } from "../support/no-hooks.ts";
import { Random, testSeed } from "../support/random.ts";
import { loopback } from "./hook-stage.ts";
import { testSecret } from "./receiver.ts";

const senders = 1_000;
const messagesOfEach = 6;

/** What the receiver has said of a message; nothing if that was no answer. */
type Said = "allowed" | "refused" | "nothing";

interface Asked {
  readonly id: string;
  readonly data: { readonly body: string };
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A receiver on a socket; `judge` writes the answer. Its port. */
async function receiver(judge: (socket: Socket, questions: readonly Asked[]) => void): Promise<number> {
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/.exec(text)?.[1]);
      if (end < 0 || text.length < end + 4 + length) return;
      const { questions }: { questions: Asked[] } = JSON.parse(text.slice(end + 4));
      text = "";
      judge(socket, questions);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const endpointAt = (port: number, version: bigint): Endpoint => ({
  id: 1n,
  version,
  app: "app",
  name: "hostile",
  url: `http://127.0.0.1:${port}/`,
  secret: testSecret,
  events: ["before.send"],
  isFailOpen: false,
  positions: { log: 0n, undelivered: 0n },
  lost: 0,
});

test("what passes was allowed, and what was refused does not pass, whatever a hostile receiver answers", async () => {
  const random = new Random(testSeed("hostile receiver"));
  const said = new Map<string, Said>();
  const sayOf = (questions: readonly Asked[], what: Said): void => {
    for (const { data } of questions) said.set(data.body, what);
  };
  const http = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const refusing = (questions: readonly Asked[]): string => {
    sayOf(questions, "allowed");
    const refused = questions.filter(() => random.below(4) === 0);
    sayOf(refused, "refused");
    return http(JSON.stringify({ answers: refused.map(({ id }) => ({ id, allow: false, reason: "no" })) }));
  };
  const judge = (socket: Socket, questions: readonly Asked[]): void => {
    sayOf(questions, "nothing");
    const none = (text: string): void => void socket.write(text);
    switch (random.below(12)) {
      case 0:
        return none(http(JSON.stringify({ answers: [{ id: `${questions.length}`, allow: true }] })));
      case 1:
        return none(http(JSON.stringify({ answers: questions.map(({ id }) => ({ id, allow: "true" })) })));
      case 2:
        return none(http(JSON.stringify({ answers: questions.map(() => ({ id: null, allow: true })) })));
      case 3:
        return none(http('{"answers":[{"id":"0","allow":tr'));
      case 4:
        return none("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n");
      case 5:
        // It never says the rest.
        return none("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}");
      case 6:
        return void socket.destroy();
      case 7: {
        // Byte by byte, and in time.
        const text = refusing(questions);
        const write = (at: number): void => {
          if (at < text.length && !socket.destroyed)
            socket.write(text.slice(at, at + 7), () => setImmediate(write, at + 7));
        };
        return write(0);
      }
      case 8: {
        const answer = refusing(questions);
        return void setTimeout(() => socket.write(answer), random.below(150));
      }
      default:
        return void socket.write(refusing(questions));
    }
  };
  const ports = [await receiver(judge), await receiver(judge)];
  const bugs: unknown[] = [];
  const sender = new HttpSender({
    addresses: new HookAddresses(loopback),
    proxy: undefined,
    timers: systemRuntime.timers,
    version: "test",
  });
  const before = new BeforeHooks({
    ...systemRuntime,
    random: systemRandom,
    store: noHooks,
    sender,
    timeoutMs: 400,
    counts: new HookCounts(),
    bug: (bug) => bugs.push(bug),
  });
  let version = 1n;
  const change = (): void => before.update([endpointAt(ports[Number(version++) % 2] ?? 0, version)]);
  change();
  const verdicts = { allowed: 0, refused: 0, nothing: 0 };
  const wrong: string[] = [];
  const order = new Map<string, number[]>();
  const ask = async (name: string, at: number): Promise<void> => {
    const body = `${name} ${at}`;
    const talk = { app: "app", sender: name, toGroup: false, dest: "bob", type: 1, body, extra: "", clientId: "" };
    const verdict = await before.ofTalk(talk);
    order.getOrInsertComputed(name, () => []).push(at);
    const what: Said = verdict.isAllowed ? "allowed" : verdict.isAnswered ? "refused" : "nothing";
    verdicts[what]++;
    // Without an answer in time it may have said anything.
    if (what !== "nothing" && said.get(body) !== what) wrong.push(`${body} was ${what}, not ${said.get(body)}`);
  };
  const answers: Promise<void>[] = [];
  for (let at = 0; at < messagesOfEach; at++) {
    for (let each = 0; each < senders; each++) {
      // One of them sends far more than the others.
      answers.push(ask(`a${each}`, at));
      if (each % 4 === 0) answers.push(ask("loud", at * senders + each));
      if (each % 100 === 0) await Bun.sleep(random.below(10));
    }
    change();
  }
  await Promise.all(answers);
  expect(wrong).toEqual([]);
  const unordered = [...order].filter(([, all]) => all.some((at, index) => at < (all[index - 1] ?? -1)));
  expect([unordered, bugs]).toEqual([[], []]);
  expect(Math.min(...Object.values(verdicts))).toBeGreaterThan(0);
  before.update([]);
  await until(() => !before.asksOfTalks("app"), "nothing is left of the queue");
  sender.close();
});
