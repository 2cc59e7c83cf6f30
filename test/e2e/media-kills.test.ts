// What was answered of files survives kill -9, and what was cut off leaves nothing.

import { afterAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Command } from "../../src/wire/commands.ts";
import { MediaTicketReq } from "../../src/wire/gen/messages/media-ticket-req.ts";
import { MediaTicketResp } from "../../src/wire/gen/messages/media-ticket-resp.ts";
import { Files } from "../../src/sdk/media/files.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("media-kills-");
const words = ["--media", "folder"];
let server: ServerProcess | undefined;
afterAll(() => server?.end("SIGKILL"));

const inMedia = (name: string): string[] => readdirSync(join(folder, "data", "media", name));
const connect = async (account: string): Promise<Messenger> => {
  const { out } = await run(["token", "--account", account], folder);
  return Messenger.connect({ url: server?.ws ?? "", token: out.trim() });
};

test("an upload that was answered is there after kill -9; one that was cut off is not", async () => {
  server = await ServerProcess.start(folder, words);
  const ann = await connect("ann");
  const whole = new Uint8Array(300_000).map((_, at) => at % 253);
  const media = await new Files(ann).upload(new Blob([whole]), { name: "whole.bin" });
  const upload = { name: "cut.bin", type: "a/b", size: 2_000_000n };
  const { tickets } = await ann.extend().ask(Command.MediaTicket, MediaTicketReq, { upload }, MediaTicketResp);
  const { host, hostname, port } = new URL(server.ws);
  const socket = await Bun.connect({ hostname, port: Number(port), socket: { data: () => undefined } });
  const head = ["content-type: a/b", `content-length: ${upload.size}`, `host: ${host}`, "", ""].join("\r\n");
  socket.write(`PUT ${tickets[0]?.url} HTTP/1.1\r\n${head}${"x".repeat(10_000)}`);
  await until(() => inMedia("uploads").length === 1, "it has begun");
  await server.end("SIGKILL");
  await ann.close();

  server = await ServerProcess.start(folder, words);
  expect([inMedia("files"), inMedia("uploads")]).toEqual([[media.id], []]);
  const [again, bob] = await Promise.all([connect("ann"), connect("bob")]);
  again.conversation({ account: "bob" }).send({ body: "see", media: [media] });
  const timeline = await bob.conversation({ account: "ann" }).timeline();
  await until(() => timeline.messages.length === 1, "it came");
  const [message] = timeline.messages;
  expect(message?.media).toEqual([media]);
  const back = await new Files(bob).download(message?.id ?? 0n, media);
  expect(Buffer.from(await back.arrayBuffer()).equals(Buffer.from(whole))).toBe(true);
  for (const client of [again, bob]) await client.close();
  expect(await server.end("SIGTERM")).toBe(0);
}, 120_000);

test("what an operator cannot mean is said at the start", async () => {
  const started = async (more: readonly string[], variables = {}): Promise<string> => {
    const listeners = ["--ws", "127.0.0.1:0", "--tcp", "off", "--monitor", "off"];
    const { status, err } = await run([...listeners, ...more], folder, "", variables);
    expect(status).not.toBe(0);
    return err;
  };
  expect(await started(["--media", "disk"])).toContain("--media: invalid value");
  expect(await started(["--media", "s3://files"])).toContain(
    "--media s3://… needs the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --media-credentials FILE",
  );
  expect(await started(["--media", "folder", "--media-credentials", "x"])).toContain(
    "--media-credentials is for --media s3",
  );
  expect(await started(["--media", "s3://files", "--media-credentials", "/no/such/file"])).toContain("no such file");
  const chat = ["--role", "chat", "--discovery", "http://127.0.0.1:1", "--cluster-key", "a key of the cluster 1234"];
  const stores = ["--store", "sqlite:chat.db", "--sessions", "sqlite:sessions.db"];
  const { err } = await run([...chat, ...stores, "--media", "folder"], folder);
  expect(err).toContain("--media folder is for a standalone server; services share an S3-compatible store");
}, 60_000);
