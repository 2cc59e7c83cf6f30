// How a list of hosts is asked of which one is silent, and what excludes that it is a primary that acknowledges.

import { expect, test } from "bun:test";
import type { SQL } from "bun";
import { askHosts } from "../../src/store/postgres/primary/ask-hosts.ts";
import type { AskedHost, HostAnswer, Serving } from "../../src/store/postgres/primary/host-answer.ts";
import { excludesOthers } from "../../src/store/postgres/primary/quorum.ts";
import { StoreUnavailable } from "../../src/store/store.ts";

const urls = ["postgres://h1/roost", "postgres://h2/roost", "postgres://h3/roost"];
const silentUrl = urls[1];

/** A connection that tells whether it was closed. */
function connection(): { readonly client: SQL; readonly closed: Promise<void> } {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const client = {
    close: async () => {
      resolve();
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else of it is used
  return { client: client as unknown as SQL, closed };
}

/** What a host answers at a question: a standby until it was asked often enough. */
function answerOf(url: string, client: SQL, isReadOnly: boolean): AskedHost {
  const waiting = { names: "ANY 1 (h1, h2)", commit: "on", standbys: 1, maySee: true, user: "roost", isStuck: false };
  const told: Serving = {
    system: "1",
    started: url,
    isReadOnly,
    timeline: isReadOnly ? 0 : 2,
    standbyName: undefined,
    waiting,
  };
  return { url, answer: { host: new URL(url).host, told }, client };
}

const isWritable = ({ told }: HostAnswer): boolean => !(told instanceof StoreUnavailable) && !told.isReadOnly;

test("while a host is silent the others are asked again, until their answers are enough", async () => {
  const { client } = connection();
  let questions = 0;
  const asked = await askHosts(
    urls,
    (answers) => answers.some(isWritable),
    async (url) => {
      if (url === silentUrl) return new Promise<never>(() => undefined);
      if (url === urls[2]) questions++;
      return answerOf(url, client, url !== urls[2] || questions < 3);
    },
  );
  expect(questions).toBe(3);
  expect(asked.map(({ url }) => url)).toEqual(urls);
  expect(asked.map(({ answer }) => isWritable(answer))).toEqual([false, false, true]);
  expect(asked[1]?.client).toBeUndefined();
});

test("the connection of a host that answers when nobody waits for it any more is closed", async () => {
  const late = connection();
  const answer = Promise.withResolvers<AskedHost>();
  await askHosts(
    urls,
    () => true,
    (url) => (url === silentUrl ? answer.promise : Promise.resolve(answerOf(url, connection().client, true))),
  );
  answer.resolve(answerOf(urls[1] ?? "", late.client, true));
  await late.closed;
});

test("all hosts are waited for unless the answers of the others are enough", async () => {
  const { client } = connection();
  const answer = Promise.withResolvers<AskedHost>();
  const asked = await askHosts(
    urls,
    () => {
      answer.resolve(answerOf(urls[1] ?? "", client, false));
      return false;
    },
    (url) => (url === silentUrl ? answer.promise : Promise.resolve(answerOf(url, client, true))),
  );
  expect(asked.map(({ answer: { told } }) => told instanceof StoreUnavailable)).toEqual([false, false, false]);
});

test("a commit that all servers but two hold leaves no standby to another one", () => {
  expect(excludesOthers('ANY 1 ("postgres-1","postgres-2")', 3, undefined)).toBe(true);
  expect(excludesOthers("1 (b)", 3, undefined)).toBe(true);
  expect(excludesOthers("b", 3, undefined)).toBe(true);
  expect(excludesOthers("FIRST 3 (b, c, d, e)", 5, undefined)).toBe(true);
});

test("nothing is excluded where others may hold what another server commits", () => {
  // Some that are no hosts of the list.
  expect(excludesOthers("ANY 1 (b, c, d)", 3, undefined)).toBe(false);
  expect(excludesOthers("ANY 1 (*)", 3, undefined)).toBe(false);
  expect(excludesOthers('ANY 1 ("b, or c", "d", e)', 3, undefined)).toBe(false);
  expect(excludesOthers("ANY 1 (b, c)", 4, undefined)).toBe(false);
  expect(excludesOthers("ANY 2 (b, c, d, e)", 5, undefined)).toBe(false);
  expect(excludesOthers("", 2, undefined)).toBe(false);
});

test("a server in the names of its own standbys is none of them", () => {
  expect(excludesOthers("ANY 1 (h1, h2, h3)", 3, "h2")).toBe(true);
  expect(excludesOthers('ANY 1 (h1, "H""2", h3)', 3, 'h"2')).toBe(true);
  expect(excludesOthers("ANY 2 (h1, h2, h3, h4)", 4, "h2")).toBe(true);
  // It is one of the others, or too few of them have to hold a commit.
  expect(excludesOthers("ANY 1 (h1, h2, h3)", 3, "h4")).toBe(false);
  expect(excludesOthers("ANY 1 (h1, h2, h3, h4)", 3, "h2")).toBe(false);
  expect(excludesOthers("ANY 1 (h1, h2, h3, h4)", 4, "h2")).toBe(false);
  expect(excludesOthers("*", 3, "*")).toBe(false);
});
