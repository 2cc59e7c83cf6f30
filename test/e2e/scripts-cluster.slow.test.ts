// scripts/cluster, as a person uses it: what it prints, and that nothing of it outlives it.

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { patroniMissing } from "../../scripts/harness/patroni/programs.ts";
import { isRunning } from "../../scripts/harness/process-tree.ts";
import { isRedisMissing } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";

const script = join(import.meta.dir, "../../scripts/cluster");
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

test("--help prints help, and a typo is reported without a stack", () => {
  const help = Bun.spawnSync([script, "--help"]);
  expect([help.exitCode, help.stderr.toString()]).toEqual([0, ""]);
  expect(help.stdout.toString()).toContain("--postgres");
  for (const line of help.stdout.toString().split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  const typo = Bun.spawnSync([script, "--postgress"]);
  expect(typo.exitCode).toBe(2);
  expect(typo.stderr.toString()).toMatch(/^cluster: Unknown option '--postgress'.*\n\nStarts a cluster/);
  expect(typo.stderr.toString()).not.toContain("    at ");
});

for (const signal of ["SIGKILL", "SIGHUP"] as const) {
  test(`it names each process, and after ${signal} none of them, and no folder, is left`, async () => {
    const child = Bun.spawn([script], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    endings.push(() => child.kill("SIGKILL"));
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes("Ctrl-C")) break;
    }
    const pids = [...text.matchAll(/^ {2}(?:discovery|gateway|login|chat)-\d +(\d+) /gm)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(9);
    expect(pids.filter(isRunning)).toEqual(pids);
    const folder = / are in (\S+)\n/.exec(text)?.[1] ?? "";
    expect(readdirSync(folder)).toContain("gateway-1.log");
    for (const line of text.split("\n")) expect(line.length).toBeLessThan(140);
    child.kill(signal);
    await until(() => !pids.some(isRunning), "all have ended");
    await until(() => !existsSync(folder), "the folder is gone");
  }, 60_000);
}

test.skipIf(isRedisMissing)(
  "the folder of its Redis ends with it, by Ctrl-C and by SIGKILL",
  async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const place = mkdtempSync(join(tmpdir(), "roost-folders-"));
      endings.push(() => rmSync(place, { recursive: true, force: true }));
      const env = { ...process.env, TMPDIR: place };
      const child = Bun.spawn([script, "--redis"], { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
      endings.push(() => child.kill("SIGKILL"));
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of child.stdout) {
        text += decoder.decode(chunk, { stream: true });
        if (text.includes("Ctrl-C")) break;
      }
      expect(readdirSync(place).filter((name) => name.startsWith("roost-redis-"))).toHaveLength(1);
      child.kill(signal);
      await child.exited;
      await until(() => readdirSync(place).length === 0, "its folders are gone");
    }
  },
  60_000,
);

const missing = await patroniMissing();
const start = join(import.meta.dir, "../../scripts/start");
const lines = ["2 meanwhile", "3 meanwhile", "4 meanwhile"] as const;

test.skipIf(missing !== undefined)(
  "--postgres-ha names the primary by its process id, loses it while two talk, and all of it ends",
  async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const child = Bun.spawn([script, "--postgres-ha"], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
      endings.push(() => child.kill("SIGKILL"));
      let text = "";
      const decoder = new TextDecoder();
      const output = child.stdout.values();
      const readUntil = async (sign: RegExp): Promise<RegExpExecArray> => {
        for (let found = sign.exec(text); ; found = sign.exec(text)) {
          if (found !== null) return found;
          const { value, done } = await output.next();
          if (done === true) throw new Error(`its output ends before ${String(sign)}: ${text}`);
          text += decoder.decode(value, { stream: true });
        }
      };
      await readUntil(/Ctrl-C ends it all\.\n/);
      const rows = [...text.matchAll(/^ +(postgres-\d|patroni|etcd) +(\d+) .*$/gm)];
      const pids = rows.map(([, , pid]) => Number(pid));
      expect(pids).toHaveLength(9);
      expect(pids.filter(isRunning)).toEqual(pids);
      expect(rows.filter(([row]) => row.endsWith("  the primary"))).toHaveLength(1);
      const primary = Number(/^ {2}kill -9 (\d+)$/m.exec(text)?.[1]);
      expect(rows.find(([row]) => row.endsWith("  the primary"))?.[2]).toBe(String(primary));
      const [, patronictl = "", config = ""] = /^ {2}(\S+patronictl) -c (\S+) list$/m.exec(text) ?? [];
      const leader = (): string =>
        /^\| (\S+) .*\| Leader +\| running /m.exec(
          Bun.spawnSync([patronictl, "-c", config, "list"]).stdout.toString(),
        )?.[1] ?? "";
      const before = leader();
      expect(before).toMatch(/^postgres-\d$/);
      // The commands of two terminals, which it prints.
      const [alice, bob] = ["alice", "bob"].map((name) => {
        const [, words = ""] = new RegExp(`^  scripts/start (chat .* --account ${name} .*)$`, "m").exec(text) ?? [];
        return Bun.spawn([start, ...words.split(" ")], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
      });
      if (alice === undefined || bob === undefined) throw new Error("there are two");
      endings.push(
        () => alice.kill("SIGKILL"),
        () => bob.kill("SIGKILL"),
      );
      let heard = "";
      const said = (line: string): void => {
        void alice.stdin.write(`${line}\n`);
        void alice.stdin.flush();
      };
      const listening = (async () => {
        const decoded = new TextDecoder();
        for await (const chunk of bob.stdout) heard += decoded.decode(chunk, { stream: true });
      })();
      said("1 before");
      await until(() => heard.includes("1 before"), "what was said is heard", 60_000);
      process.kill(primary, "SIGKILL");
      for (const line of lines) said(line);
      await until(() => !["", before].includes(leader()), "another one is the primary");
      const [, name, pid] = await readUntil(/^(\S+) is the primary now\. .*\n {2}kill -9 (\d+)\n/m);
      expect(rows.find(([, each]) => each === name)?.[2]).toBe(pid ?? "");
      expect([leader(), pid === String(primary)]).toEqual([name ?? "", false]);
      await alice.stdin.end();
      expect(await alice.exited).toBe(0);
      await until(() => heard.includes(lines.at(-1) ?? ""), "the last line is heard", 60_000);
      await bob.stdin.end();
      await listening;
      expect(heard.match(/\d meanwhile/g)).toEqual([...lines]);
      child.kill(signal);
      await until(() => !pids.some(isRunning), "all have ended");
      await until(() => !existsSync(dirname(dirname(config))), "the folder is gone");
    }
  },
  240_000,
);
