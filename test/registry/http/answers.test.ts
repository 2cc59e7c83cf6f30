// Answers that are made while they are read: the same JSON, and no more of it at a time than a piece.

import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { type LogFields, silentLog } from "../../../src/base/log.ts";
import { pieceByPiece } from "../../../src/registry/http/answers.ts";
import { Status } from "../../../src/registry/instance.ts";
import { bodyText, type HttpAnswer } from "../../../src/transport/http/http-answer.ts";
import { HttpServer } from "../../../src/transport/http/http-server.ts";
import { serverOptions } from "../../support/http-server.ts";
import { Code } from "../../../src/registry/codes.ts";
import { askUrl, chat1, endAll, endLater, eventually, serveRegistry } from "./support.ts";

const item = "x".repeat(1_024);

afterEach(endAll);

const ignore = (): void => undefined;

/** A list of this many texts, and how many of them were made. */
class Listing {
  made = 0;
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
  }

  *json(): Generator<string, undefined> {
    yield "[";
    while (this.made < this.count) yield `${this.made++ === 0 ? "" : ","}"${item}"`;
    yield "]";
  }
}

test("is the envelope, whatever its length, and says that it is stale", async () => {
  for (const count of [0, 1, 62, 63, 64, 65, 1_000]) {
    for (const isStale of [true, false]) {
      const answer = pieceByPiece(Code.Ok, new Listing(count).json(), isStale, ignore);
      expect(answer.fields["content-type"]).toContain("application/json");
      const data = Array.from({ length: count }, () => item);
      expect(JSON.parse(bodyText(answer))).toEqual({
        code: 0,
        message: "0",
        ttl: 1,
        data,
        ...(isStale ? { stale: true } : {}),
      });
    }
  }
});

/** This program's server, which answers each request with this; its port. */
function serving(respond: () => HttpAnswer, bug: (error: unknown) => void = ignore): number {
  const server = new HttpServer({ host: "127.0.0.1", port: 0 }, serverOptions({ handler: respond, bug }));
  endLater(() => server.stop(0));
  return Number(server.address.split(":").at(-1));
}

test("is made only as far as the socket takes it if the client does not read, and not after it leaves", async () => {
  // 64 MiB: what sockets keep for a reader is far less.
  const count = 64 * 1_024;
  const listing = new Listing(count);
  let ends = 0;
  const port = serving(() => pieceByPiece(Code.Ok, listing.json(), false, () => void ends++));
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  endLater(async () => void socket.destroy());
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
  let before = -1;
  await eventually("nothing more is made", async () => {
    const isSame = listing.made > 0 && listing.made === before;
    before = listing.made;
    await Bun.sleep(50);
    return isSame;
  });
  expect(listing.made).toBeLessThan(count / 2);
  const { made } = listing;
  socket.destroy();
  await Bun.sleep(50);
  expect(listing.made).toBe(made);
  await eventually("it is over", () => ends === 1);
});

test("a bug on the way is logged, whether or not bytes were sent, and the answer is cut short", async () => {
  for (const good of [0, 1_000]) {
    const bug = new Error("a bug in the listing");
    const told: unknown[] = [];
    function* failing(): Generator<string, undefined> {
      yield* Array.from({ length: good }, () => item);
      throw bug;
    }
    const port = serving(
      () => pieceByPiece(Code.Ok, failing(), false, ignore),
      (error) => void told.push(error),
    );
    const reading = fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then((response) => response.text());
    await expect(reading).rejects.toThrow();
    expect(told).toEqual([bug]);
  }
});

test("a bug of fetch/all is in the log, as that of any other request", async () => {
  const errors: string[] = [];
  const log = {
    ...silentLog,
    error: (sentence: string, fields?: LogFields) => void errors.push(`${sentence} ${fields?.["error"]}`),
  };
  const { node, url } = serveRegistry(log);
  const all = `${url}/discovery/fetch/all`;
  node.registrar.register(
    {
      ...chat1,
      region: "r1",
      addrs: ["tcp://10.0.0.1:8100"],
      version: "1",
      metadata: new Map(),
      status: Status.Up,
      dirtyTimestamp: 0n,
      regTimestamp: 0n,
    },
    { address: "", isTrusted: true, origin: "client" },
  );
  expect((await askUrl(all)).code).toBe(0);
  const [entry] = node.table.app("prod", "chat")?.entries() ?? [];
  const { instance } = entry ?? {};
  if (entry === undefined || instance === undefined) throw new Error("it is not listed");
  const broken = {
    get(): never {
      throw new Error("a bug in an entry");
    },
  };
  Object.defineProperty(entry, "instance", { ...broken, configurable: true });
  try {
    await expect(askUrl(all)).rejects.toThrow();
  } finally {
    Object.defineProperty(entry, "instance", { value: instance, writable: true, configurable: true, enumerable: true });
  }
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatch(/^an HTTP request was failed by a bug Error: a bug in an entry/);
});
