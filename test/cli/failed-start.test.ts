// A start that fails says why once, and leaves nothing of what it made.

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { roost } from "../../scripts/harness/server-process.ts";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "failed-start-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function takenPort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  endings.push(() => server.stop(true));
  return server.port;
}

const occupied = (option: string, place: string): string =>
  `roost: ${option}: cannot listen at ${place}: another program listens there; ` +
  `stop it, or choose another address with ${option}`;

const off = { "--ws": "off", "--tcp": "off", "--monitor": "off" };

async function start(folder: string, options: Record<string, string>): Promise<{ status: number; said: string[] }> {
  const words = Object.entries({ ...off, ...options }).flat();
  const child = Bun.spawn([...roost, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir() },
    stderr: "pipe",
  });
  const err = await new Response(child.stderr).text();
  return { status: await child.exited, said: err.split("\n").filter((line) => line.startsWith("roost: ")) };
}

for (const option of ["--ws", "--tcp", "--monitor"]) {
  test(`a taken port of ${option} is named once with its option, and nothing is made`, async () => {
    const folder = newFolder();
    const place = `127.0.0.1:${takenPort()}`;
    expect(await start(folder, { [option]: place })).toEqual({
      status: 1,
      said: [occupied(option, place)],
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test(`the same of ${option} where a server has been before`, async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "data"), { mode: 0o700 });
    writeFileSync(join(folder, "data/secret"), "a secret of sixteen bytes\n", { mode: 0o600 });
    const place = `127.0.0.1:${takenPort()}`;
    const { status, said } = await start(folder, { "--tcp": "127.0.0.1:0", [option]: place });
    expect([status, said.length]).toEqual([1, 1]);
    expect(said[0]).toBe(occupied(option, place));
    expect(existsSync(join(folder, "data/secret"))).toBe(true);
  });
}

test("a login and a chat node make no folder of a store when their port is taken", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "key"), "a key of sixteen bytes\n", { mode: 0o600 });
  const place = `127.0.0.1:${takenPort()}`;
  for (const role of ["login", "chat"]) {
    const stores = {
      "--sessions": "sqlite:new/sessions.db",
      ...(role === "chat" ? { "--store": "sqlite:new/m.db" } : {}),
    };
    const child = Bun.spawn(
      [
        ...[...roost, "--role", role, "--listen", place, "--monitor", "off"],
        ...["--cluster-key-file", "key", "--discovery", "http://127.0.0.1:1", ...Object.entries(stores).flat()],
      ],
      { cwd: folder, env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir() }, stderr: "pipe" },
    );
    expect(await new Response(child.stderr).text()).toContain(`roost: --listen: cannot listen at ${place}: another`);
    expect(await child.exited).toBe(1);
    expect(readdirSync(folder)).toEqual(["key"]);
  }
});

test("a node of the registry makes and rewrites no snapshot when the port of its DNS is taken", async () => {
  const folder = newFolder();
  const place = `127.0.0.1:${takenPort()}`;
  const failedStart = async (): Promise<void> => {
    const words = ["--role", "discovery", "--listen", "127.0.0.1:0", "--dns", place, "--snapshot", "snapshot"];
    const child = Bun.spawn([...roost, ...words], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir() },
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toContain(`roost: --dns: cannot listen at ${place}: another`);
    expect(await child.exited).toBe(1);
  };
  await failedStart();
  expect(readdirSync(folder)).toEqual([]);
  const snapshot = '{"format":"roost registry snapshot 1","at":1000}\n';
  writeFileSync(join(folder, "snapshot"), snapshot, { mode: 0o600 });
  await failedStart();
  expect(readFileSync(join(folder, "snapshot"), "utf8")).toBe(snapshot);
});

test("two options with one address are told apart", async () => {
  const folder = newFolder();
  const port = takenPort();
  endings.pop()?.();
  const place = `127.0.0.1:${port}`;
  const { said } = await start(folder, { "--ws": place, "--tcp": place });
  expect(said).toEqual([`roost: --ws and --tcp are both ${place}; change one of them`]);
  expect(readdirSync(folder)).toEqual([]);
});

test("an address that this machine lacks is reported, and nothing is created", async () => {
  const folder = newFolder();
  const { status, said } = await start(folder, { "--ws": "192.0.2.1:8000" });
  expect(status).toBe(1);
  expect(said[0]).toBe(
    "roost: --ws: cannot listen at 192.0.2.1:8000: this machine does not have that address; choose another with --ws",
  );
  expect(readdirSync(folder)).toEqual([]);
});

test("what fails after the folder was made takes it away again, and no folder that was there", async () => {
  const folder = newFolder();
  const options = { "--tcp": "127.0.0.1:0", "--secret-file": join(folder, "missing") };
  expect((await start(folder, { ...options, "--data": "deep/er/data" })).status).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  writeFileSync(join(folder, "data/messages.db"), "no database ".repeat(1_000));
  expect((await start(folder, { "--tcp": "127.0.0.1:0" })).status).toBe(1);
  expect(existsSync(join(folder, "data/messages.db"))).toBe(true);
  expect(existsSync(join(folder, "data/secret"))).toBe(false);
});
