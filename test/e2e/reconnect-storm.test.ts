// All clients of a gateway at once, as after its restart: each is let in at its first try, although for a moment nobody
// of them has signed in; those who send much before they do are not.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { signToken } from "../../src/auth/token.ts";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";
import { OpCode } from "../../src/wire/opcode.ts";

const secret = "x7Hq2LrW9tZk4VbN6cYd";
const clientsCount = 1_500;

let folder = "";
let server: ServerProcess | undefined;
const sockets: Socket[] = [];
const webSockets: WebSocket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const socket of webSockets.splice(0)) socket.close();
  await server?.end("SIGKILL");
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<ServerProcess> {
  folder = mkdtempSync(join(tmpdir(), "roost-storm-"));
  // Nobody is ended because a busy machine is late.
  const words = ["--data", folder, "--secret", secret, "--login-wait", "10m"];
  return (server = await ServerProcess.start(folder, words));
}

async function signInOf(account: string): Promise<Uint8Array<ArrayBuffer>> {
  const token = await signToken(new TextEncoder().encode(secret), { account, app: "app", ttlSeconds: 3_600 });
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
  return Uint8Array.from(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, body));
}

test("1,500 WebSocket clients that connect at once, and then sign in, are all let in", async () => {
  const { ws } = await start();
  const requests = await Promise.all(Array.from({ length: clientsCount }, (_, at) => signInOf(`account-${at}`)));
  let opened = 0;
  let answered = 0;
  let ended = 0;
  for (let at = 0; at < clientsCount; at++) {
    const socket = new WebSocket(ws);
    webSockets.push(socket);
    socket.addEventListener("open", () => opened++);
    socket.addEventListener("message", () => answered++);
    socket.addEventListener("close", () => ended++);
  }
  await until(() => opened + ended >= clientsCount, "all are connected");
  for (const [at, request] of requests.entries()) webSockets[at]?.send(request);
  await until(() => answered + ended >= clientsCount, "all are answered");
  expect([opened, answered, ended]).toEqual([clientsCount, clientsCount, 0]);
}, 60_000);

test("of strangers with unfinished messages those are ended that have sent more than a sign-in takes", async () => {
  const { ws } = await start();
  const port = Number(ws.slice(ws.lastIndexOf(":") + 1));
  const head = Buffer.from([0x80 | OpCode.Binary, 0x80 | 127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0]);
  let ended = 0;
  const stranger = (bytes: number, onEnd: () => void): void => {
    const socket = createConnection({ host: "127.0.0.1", port });
    sockets.push(socket);
    // Behind the answer, which a client has to wait for (RFC 6455, 4.1): a request that waits takes nothing more.
    socket.once("data", () => socket.write(Buffer.concat([head, Buffer.alloc(bytes)])));
    socket.on("error", () => {});
    socket.on("close", onEnd);
    socket.write(upgradeRequest());
  };
  const early: string[] = [];
  // The gateway checks only if enough strangers linger (src/transport/unseen-watch.ts): these do to the end.
  for (let at = 0; at < 40; at++) stranger(20_000, () => early.push("one that sent little"));
  for (let at = 0; at < 80; at++) stranger(900_000, () => ended++);
  await until(() => ended === 80, "the large ones are ended");
  for (let at = 0; at < 20; at++) stranger(900_000, () => ended++);
  await until(() => ended === 100, "the large ones that come later are ended");
  expect(early).toEqual([]);
}, 60_000);
