// Uploads to the folder that take their time, and tickets that have expired, by a clock that the tests set.

import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { uploadTicketSeconds, downloadTicketSeconds } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { FolderPlace } from "../../src/media/folder/folder-place.ts";
import { FolderServer } from "../../src/media/folder/folder-server.ts";
import type { TicketRequest } from "../../src/media/media-place.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const folders = temporaryPaths("roost-uploads-");
const uploadsMax = 64;
const progressMs = 10_000;
const progressBytes = 256 * 1024;

/** A folder and what answers for it, at whole seconds of a clock. */
function served() {
  const folder = folders();
  const now = { ms: 1_800_000_000_000 };
  const clock = { wallMs: () => now.ms, monotonicMs: () => now.ms };
  const place = new FolderPlace(folder, "", clock);
  const server = new FolderServer(place, clock, new RareLog(silentLog, clock));
  let made = 0;
  const ticket = (owner: string, size: number): Promise<TicketRequest> => {
    const id = `u${String(++made).padStart(21, "0")}`;
    return place.upload({ id, name: "n", type: "image/png", size }, owner);
  };
  const ask = async ({ method, url }: TicketRequest, body?: BodyInit) => {
    const headers = { "content-type": "image/png" };
    const request = new Request(`http://x${url}`, { method, headers, ...(body !== undefined && { body }) });
    const answer = await server.answer(request);
    return { status: answer?.status ?? 0, text: (await answer?.text()) ?? "" };
  };
  /** An upload whose bytes the test sends. */
  const slow = async (owner: string, given?: TicketRequest) => {
    let send: (bytes: number) => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (send = (bytes) => controller.enqueue(new Uint8Array(bytes))),
    });
    const state: { status?: number; text?: string } = {};
    void ask(given ?? (await ticket(owner, 10 * progressBytes)), body).then((answer) => Object.assign(state, answer));
    return { send: (bytes: number): void => send(bytes), state };
  };
  /** The sizes of what is arriving. */
  const drafts = (): number[] =>
    readdirSync(join(folder, "uploads")).map((name) => statSync(join(folder, "uploads", name)).size);
  const arrived = (bytes: number): Promise<void> =>
    until(() => drafts().reduce((sum, size) => sum + size, 0) === bytes, `${bytes} bytes have arrived`);
  return { place, now, ticket, ask, slow, drafts, arrived };
}

test("of as many accounts as there are places, one that makes no progress makes room for another", async () => {
  const { now, ticket, ask, slow, drafts, arrived } = served();
  const uploads = await Promise.all(Array.from({ length: uploadsMax }, (_, index) => slow(`slow ${index}`)));
  await until(() => drafts().length === uploadsMax, "all places are taken");
  now.ms += progressMs - 1;
  const first = uploads[0];
  first?.send(progressBytes);
  // A few bytes are no progress.
  for (const { send } of uploads.slice(1)) send(1_000);
  await arrived(progressBytes + (uploadsMax - 1) * 1_000);
  const next = await ticket("another", 3);
  expect((await ask(next, "abc")).status).toBe(503);
  now.ms += 1;
  expect((await ask(next, "abc")).status).toBe(201);
  await until(() => uploads.some(({ state }) => state.status !== undefined), "one has ended");
  const ended = uploads.filter(({ state }) => state.status !== undefined);
  expect(ended.map(({ state }) => state)).toEqual([{ status: 503, text: "Others need the place; try again soon.\n" }]);
  expect(ended).not.toContain(first);
  // Each newcomer takes one place.
  for (let left = 0; left < 3; left++) expect((await ask(await ticket(`new ${left}`, 1), "a")).status).toBe(201);
});

test("all who make progress keep their places", async () => {
  const { now, ticket, ask, slow, drafts, arrived } = served();
  const uploads = await Promise.all(Array.from({ length: uploadsMax }, (_, index) => slow(`quick ${index}`)));
  await until(() => drafts().length === uploadsMax, "all places are taken");
  now.ms += progressMs / 2;
  for (const { send } of uploads) send(progressBytes);
  await arrived(uploadsMax * progressBytes);
  now.ms += progressMs / 2;
  expect((await ask(await ticket("another", 3), "abc")).status).toBe(503);
  expect(uploads.filter(({ state }) => state.status !== undefined)).toEqual([]);
});

test("an expired ticket is refused, for uploads and downloads", async () => {
  const { place, now, ticket, ask } = served();
  const put = await ticket("ann", 3);
  now.ms += uploadTicketSeconds * 1_000;
  const expired = { status: 403, text: "This ticket has expired; ask for another.\n" };
  expect(await ask(put, "abc")).toEqual(expired);
  now.ms -= 1;
  expect((await ask(put, "abc")).status).toBe(201);
  const id = /\/media\/(\w+)/.exec(put.url)?.[1] ?? "";
  const get = await place.download({ id, name: "n", type: "image/png", size: 3 });
  now.ms += downloadTicketSeconds * 1_000;
  expect(await ask(get)).toEqual(expired);
  now.ms -= 1_000;
  expect(await ask(get)).toEqual({ status: 200, text: "abc" });
});

test("an upload ends with its ticket, and leaves nothing", async () => {
  const { now, ticket, slow, drafts, arrived } = served();
  const endMs = now.ms + uploadTicketSeconds * 1_000;
  const given = await ticket("ann", 3);
  // What is left passes by the system's clock.
  now.ms = endMs - 100;
  const { send, state } = await slow("ann", given);
  send(1);
  await arrived(1);
  expect(state).toEqual({});
  now.ms = endMs;
  await until(() => state.status !== undefined, "it has ended");
  expect(state).toEqual({ status: 403, text: "This ticket has expired before the last byte; ask for another.\n" });
  expect(drafts()).toEqual([]);
});
