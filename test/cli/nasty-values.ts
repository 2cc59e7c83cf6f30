// No value of an option ends a start with a bug's status or keeps it from ending: a role is started with each option at
// values that nobody means, and either serves or is refused with a sentence.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { silentLog } from "../../src/base/log.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import type { roles } from "../../src/options/option.ts";
import { type OptionName, optionsOfRole } from "../../src/options/options.ts";
import { serveDiscovery } from "../../src/cli/serve/discovery.ts";
import { serveChat, serveGateway, serveLogin } from "../../src/cli/serve/member.ts";
import type { Serving } from "../../src/cli/serve/serving.ts";
import { serveStandalone } from "../../src/cli/serve/standalone.ts";
import { StartError, UsageError } from "../../src/cli/usage-error.ts";

type Role = (typeof roles)[number];

const serve: Readonly<Record<Role, (values: OptionValues, log: typeof silentLog) => Promise<Serving>>> = {
  standalone: serveStandalone,
  gateway: serveGateway,
  login: serveLogin,
  chat: serveChat,
  discovery: serveDiscovery,
};

let folder: string;
let folders = 0;
/** A gateway takes its time to leave: the next ones do not wait for it. */
const drains: Promise<void>[] = [];
export const long = "x".repeat(50 * 1024 * 1024);

/** Values that nobody means, of all options. */
function valuesToTry(): string[] {
  const own = ["folder", "fifo", "text", "text/below", "missing/below", "n".repeat(300)].map((name) =>
    join(folder, name),
  );
  const paths = ["/dev/zero", "/dev/null", "/proc", "/proc/self/mem", ...own];
  return [
    ...[
      "",
      " ",
      "-1",
      "0",
      "0s",
      "1ms",
      "999999999d",
      "99999999999999999999d",
      "1e9",
      "NaN",
      "off",
      "true",
      "forever",
      "null",
    ],
    ...["\0", "a\0b", "\n", "\u{1f413}", "\u202e", "é".repeat(300), "%s%n", "../../../..", "$(id)", "'\"`"],
    ...[
      long,
      `${long}.example.com:1`,
      "a,".repeat(100_000),
      "127.0.0.1:1,".repeat(10_000),
      "http://127.0.0.1:1,".repeat(10_000),
    ],
    ...[
      ":",
      ":0",
      "0:0",
      "127.0.0.1:65536",
      "999.1.1.1:1",
      "[::]:0:0",
      "[:]:1",
      "nowhere.invalid:0",
      "127.0.0.1",
      `${"a".repeat(300)}:0`,
    ],
    ...[
      "http://",
      "http://:0",
      "http://[",
      "ftp://x",
      "sqlite:",
      "sqlite::memory:",
      "sqlite:file::memory:",
      "sqlite:/proc/",
      "sqlite:a\0b",
    ],
    ...[
      "postgres://",
      "postgres://[",
      "redis://",
      "redis://[",
      "redis://nowhere.invalid",
      "memory:",
      "=",
      "a=",
      "=b",
      "a=b=c",
    ],
    ...["sqlite:/proc/nothing/below", `sqlite:${"n/".repeat(3_000)}m.db`],
    ...paths,
    ...paths.map((path) => `sqlite:${path}`),
  ];
}

/** What each role cannot do without, on free ports of this machine, in a folder of its own. */
function needed(role: Role): Partial<Record<OptionName, string>> {
  const own = join(folder, `start-${folders++}`);
  mkdirSync(own, { mode: 0o700 });
  const free = "127.0.0.1:0";
  const member = { discovery: "http://127.0.0.1:1", "cluster-key-file": join(folder, "cluster-key"), monitor: "off" };
  const sessions = `sqlite:${own}/sessions.db`;
  switch (role) {
    case "standalone":
      return { ws: free, tcp: free, monitor: "off", data: join(own, "data") };
    case "discovery":
      return { listen: free };
    case "login":
      return { ...member, sessions };
    case "chat":
      return { ...member, sessions, store: `sqlite:${own}/messages.db` };
    case "gateway":
      return { ...member, ws: free, tcp: free, "secret-file": join(folder, "secret") };
  }
}

/** What pairs of options need of each other, for the one that is tried to be looked at. */
const beside: Partial<Record<OptionName, Partial<Record<OptionName, string>>>> = {
  route: { selector: "route" },
};

/** Starts a role; undefined if it served or was refused with a sentence; else what went wrong. */
async function faultOf(role: Role, name: OptionName, value: string): Promise<unknown> {
  const given = new Map(Object.entries({ ...needed(role), ...beside[name], [name]: value }));
  if (name === "secret" || name === "cluster-key") given.delete(`${name}-file`);
  const words = [...given].flatMap(([option, text]) => [`--${option}=${text}`]);
  try {
    const values = new OptionValues(optionsOf.serve, ["--role", role, ...words], {});
    for (const option of optionsOfRole(role)) values.optional(option);
    const serving = await serve[role](values, silentLog);
    drains.push(serving.drain());
  } catch (error) {
    const isRefused = error instanceof UsageError || error instanceof StartError;
    if (!isRefused) return error;
    if (error.message.length > 10_000) return new Error(`a sentence of ${error.message.length} characters`);
  }
  return undefined;
}

/** Declares a test for each option of these roles; in the describe block of a file of its own. */
export function nastyValues(names: readonly Role[]): void {
  let before: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "roost-nasty-"));
    // Some values are taken for the name of a file, which is then made: all of them below this folder.
    before = process.cwd();
    const deep = join(folder, "a/b/c/d/e/f");
    mkdirSync(deep, { recursive: true });
    process.chdir(deep);
    mkdirSync(join(folder, "folder"));
    for (const name of ["secret", "cluster-key"])
      writeFileSync(join(folder, name), "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    writeFileSync(join(folder, "text"), "neither TOML nor JSON nor SQLite\n", { mode: 0o600 });
    expect(Bun.spawnSync(["mkfifo", join(folder, "fifo")]).success).toBe(true);
  });
  afterAll(async () => {
    await Promise.all(drains);
    process.chdir(before);
    rmSync(folder, { recursive: true, force: true });
  });
  for (const role of names) {
    for (const name of optionsOfRole(role).filter((option) => option !== "role")) {
      // A gateway waits 10 s for nodes.
      (role === "gateway" ? test.concurrent : test)(
        `--role ${role} --${name}`,
        async () => {
          // All at once: a gateway that finds no other service waits for it before its start ends.
          const attempts = valuesToTry().map(async (value) => [value, await faultOf(role, name, value)] as const);
          const faults = (await Promise.all(attempts)).filter(([, fault]) => fault !== undefined);
          expect(faults.map(([value, fault]) => `${JSON.stringify(value.slice(0, 100))}: ${inspect(fault)}`)).toEqual(
            [],
          );
        },
        120_000,
      );
    }
  }
}
