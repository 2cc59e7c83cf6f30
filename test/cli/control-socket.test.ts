// The control socket: its owner's alone, in its place whatever lay there, and gone with its server.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "../../src/base/log.ts";
import { askProcess } from "../../src/cli/control/ask.ts";
import { type ControlSocket, controlSocketPath, openControlSocket } from "../../src/cli/control/control-socket.ts";
import { controlRequestBytesMax } from "../../src/base/limits/fixed.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";

let folder: string;
const opened: ControlSocket[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-control-"));
});
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
  rmSync(folder, { recursive: true, force: true });
});

const commands = new ControlCommands({ ping: () => "pong" }, () => undefined);

async function open(at = folder, log: Log = silentLog): Promise<ControlSocket | undefined> {
  const socket = await openControlSocket(at, commands, log);
  if (socket !== undefined) opened.push(socket);
  return socket;
}

const ask = (at = folder): Promise<unknown> => askProcess({ kind: "socket", folder: at }, "ping");

/** Leaves the file of a server that was killed. */
async function leaveStale(): Promise<void> {
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `Bun.serve({ unix: ${JSON.stringify(controlSocketPath(folder))}, fetch: () => new Response() });
       console.log("up")`,
    ],
    { stdout: "pipe" },
  );
  await child.stdout.getReader().read();
  child.kill("SIGKILL");
  await child.exited;
  expect(existsSync(controlSocketPath(folder))).toBe(true);
}

test("it is answered, for its owner only, and leaves nothing behind", async () => {
  const before = process.umask(0);
  try {
    await open();
  } finally {
    process.umask(before);
  }
  expect(statSync(controlSocketPath(folder)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["control.sock"]);
  expect(await ask()).toBe("pong");
  await opened.pop()?.close();
  expect(readdirSync(folder)).toEqual([]);
});

test("the path of a data folder may be longer than an address of a socket", async () => {
  const deep = join(folder, "d".repeat(150), "e".repeat(150));
  mkdirSync(deep, { recursive: true });
  await open(deep);
  expect(await ask(deep)).toBe("pong");
});

test("what a killed server left is replaced, and whatever else lies there", async () => {
  await leaveStale();
  await expect(ask()).rejects.toThrow("nothing listens at");
  await open();
  expect(await ask()).toBe("pong");
  await opened.pop()?.close();
  writeFileSync(controlSocketPath(folder), "no socket");
  await open();
  expect(await ask()).toBe("pong");
});

test("what is left of a start that was killed is replaced, and no link is followed", async () => {
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "kept"), "");
  symlinkSync(elsewhere, `${controlSocketPath(folder)}.new`);
  await open();
  expect(await ask()).toBe("pong");
  expect(readdirSync(elsewhere)).toEqual(["kept"]);
});

test("a live one is not replaced: the log says so, and the server goes on without", async () => {
  await open();
  const lines: unknown[] = [];
  const second = await open(folder, { ...silentLog, warn: (_, fields) => void lines.push(fields?.["error"]) });
  expect(second).toBeUndefined();
  expect(lines).toEqual(["another process listens there"]);
  expect(await ask()).toBe("pong");
});

test("a server that ends removes its own socket, not that of a later one", async () => {
  const first = await open();
  opened.length = 0;
  rmSync(controlSocketPath(folder));
  await open();
  await first?.close();
  expect(await ask()).toBe("pong");
});

test("where none can be made, the log says so, and the server goes on without", async () => {
  const lines: unknown[] = [];
  const missing = join(folder, "missing", "folder");
  expect(await open(missing, { ...silentLog, warn: (_, fields) => void lines.push(fields?.["path"]) })).toBeUndefined();
  expect(lines).toEqual([controlSocketPath(missing)]);
});

test("a command without a running server fails with a sentence", async () => {
  await expect(ask()).rejects.toThrow(`no server uses this data folder: there is no ${controlSocketPath(folder)}`);
  await expect(ask(join(folder, "no", "such"))).rejects.toThrow("no server uses this data folder");
});

test("a request has a bound, however it is sent; anything but a request is not found", async () => {
  await open();
  const path = controlSocketPath(folder);
  const post = (body: BodyInit): Promise<Response> => fetch("http://x/control", { method: "POST", body, unix: path });
  expect((await post(" ".repeat(controlRequestBytesMax))).status).toBe(200);
  expect((await post(" ".repeat(controlRequestBytesMax + 1))).status).toBe(413);
  for (const target of ["/", "/control/", "/../control", "/%00"])
    expect((await fetch(`http://x${target}`, { method: "POST", body: "{}", unix: path })).status).toBeWithin(200, 500);
  expect((await fetch("http://x/control", { unix: path })).status).toBe(404);
  // In chunks, whose sum nobody declares.
  const socket = connect(path);
  socket.on("error", () => undefined);
  socket.write("POST /control HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
  const chunk = `${(16_384).toString(16)}\r\n${" ".repeat(16_384)}\r\n`;
  for (let times = 0; times < 20; times++) socket.write(chunk);
  socket.write("0\r\n\r\n");
  const head = await new Promise<string>((resolve) => {
    socket.once("data", (data) => resolve(data.toString().slice(0, 12)));
    socket.once("close", () => resolve("closed"));
  });
  socket.destroy();
  expect(head).not.toBe("HTTP/1.1 200");
  expect(await ask()).toBe("pong");
});
