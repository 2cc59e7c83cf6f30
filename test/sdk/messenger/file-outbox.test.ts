// The outbox in a file: nothing that was kept is lost when the process is killed, in Bun and in Node.

import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { openFileOutbox } from "../../../src/sdk/messenger/file-outbox.ts";
import type { OutboxEntry, OutboxStorage } from "../../../src/sdk/messenger/outbox-storage.ts";
import { temporaryPaths } from "../../support/temporary-folder.ts";

const freshPath = temporaryPaths("file-outbox-");
const openAt = (path: string, account = "ann"): OutboxStorage =>
  openFileOutbox(path)({ server: "", account, device: "" });
const entry = (clientId: string, change: Partial<OutboxEntry> = {}): OutboxEntry => ({
  ...{ clientId, toGroup: false, dest: "bob", type: 1, body: "hello\n😀", extra: "", mentions: ["bob"], replyTo: "7" },
  ...{ addedAt: 1, triedAt: 0, failure: "" },
  ...change,
});
const idsOf = (entries: readonly OutboxEntry[]): string[] => entries.map(({ clientId }) => clientId);

test("entries stay in the order in which they were first put, through closing, for the owner's eyes only", async () => {
  const path = freshPath();
  const first = openAt(path);
  expect(await first.load()).toEqual([]);
  for (const id of ["c", "a", "b"]) await first.put(entry(id));
  await first.put(entry("c", { triedAt: 5 }));
  await first.remove("a");
  await first.remove("never");
  await first.close();
  const second = openAt(path);
  expect(await second.load()).toEqual([entry("c", { triedAt: 5 }), entry("b")]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  // Written anew at the opening: what is gone takes no room.
  expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(3);
  await second.close();
  expect(existsSync(`${path}.lock`)).toBe(false);
});

test("a file with many changes is written anew meanwhile", async () => {
  const path = freshPath();
  const storage = openAt(path);
  await storage.load();
  await storage.put(entry("stays"));
  for (let round = 0; round < 12; round++) {
    const ids = Array.from({ length: 100 }, (_, i) => `${round}-${i}`);
    await Promise.all(ids.map((id) => storage.put(entry(id))));
    await Promise.all(ids.map((id) => storage.remove(id)));
  }
  expect(readFileSync(path, "utf8").split("\n").length).toBeLessThan(1_300);
  await storage.put(entry("last"));
  await storage.close();
  const again = openAt(path);
  expect(idsOf(await again.load())).toEqual(["stays", "last"]);
  await again.close();
});

test("each change is kept when it is put after the one before it", async () => {
  const path = freshPath();
  const storage = openAt(path);
  await storage.load();
  for (const id of ["a", "b", "c"]) await storage.put(entry(id));
  await storage.close();
  const again = openAt(path);
  expect(idsOf(await again.load())).toEqual(["a", "b", "c"]);
  await again.close();
});

test("a second user is refused; a dead process's lock is not heeded, even if it had this one's id", async () => {
  const path = freshPath();
  const first = openAt(path);
  await first.load();
  expect(openAt(path).load()).rejects.toThrow(`the outbox ${path} is in use by process ${process.pid}`);
  const sleeper = Bun.spawn(["sleep", "60"]);
  await first.close();
  writeFileSync(`${path}.lock`, `${sleeper.pid}\n`);
  expect(openAt(path).load()).rejects.toThrow(`in use by process ${sleeper.pid}; if that is no user of it, remove`);
  sleeper.kill("SIGKILL");
  await sleeper.exited;
  for (const pid of [sleeper.pid, process.pid]) {
    writeFileSync(`${path}.lock`, `${pid}\n`);
    const heir = openAt(path);
    await heir.load();
    await heir.close();
  }
  expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).toEqual([basename(path)]);
});

test("one that is closed writes nothing any more: the file may be another client's", async () => {
  const path = freshPath();
  const first = openAt(path);
  await first.load();
  await first.put(entry("one"));
  await first.close();
  const second = openAt(path);
  await second.load();
  expect(first.put(entry("late"))).rejects.toThrow(`the outbox ${path} is closed`);
  expect(first.remove("one")).rejects.toThrow(`the outbox ${path} is closed`);
  await second.put(entry("two"));
  await second.close();
  const third = openAt(path);
  expect(idsOf(await third.load())).toEqual(["one", "two"]);
  await third.close();
});

test("one file has one user, by whatever path", async () => {
  const path = freshPath();
  const link = `${freshPath()}-link`;
  symlinkSync(dirname(path), link);
  const first = openAt(path);
  await first.load();
  for (const other of [join(link, basename(path)), relative(process.cwd(), path)])
    expect(openAt(other).load()).rejects.toThrow(`is in use by process ${process.pid}`);
  await first.close();
});

test("half a last line is cut, and what is another's or no outbox is left alone", async () => {
  const path = freshPath();
  const first = openAt(path);
  await first.load();
  await first.put(entry("one"));
  await first.close();
  appendFileSync(path, '{"put":{"clientId":"half');
  const second = openAt(path);
  expect(idsOf(await second.load())).toEqual(["one"]);
  await second.put(entry("two"));
  await second.close();
  const whole = readFileSync(path, "utf8");
  expect(openAt(path, "eve").load()).rejects.toThrow(`the outbox ${path} is that of ["ann",""]; name another file`);
  for (const [text, reason] of [
    ["a shopping list\n", `${path} is not an outbox; name another file`],
    ['{"my":"settings"}', `${path} is not an outbox; name another file`],
    [whole.replace('{"put"', '{"pu'), `${path}, line 2 is damaged; move the file away`],
  ] as const) {
    writeFileSync(path, text);
    expect(openAt(path).load()).rejects.toThrow(reason);
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(existsSync(`${path}.lock`)).toBe(false);
  }
});

const node = Bun.which("node");

describe.each(["Bun", "Node"])("%s", (name) => {
  test.skipIf(name === "Node" && node === null)(
    "keeps what it said it kept when it is killed",
    async () => {
      const path = freshPath();
      const script = join(import.meta.dir, "outbox-child.ts");
      let program = [process.execPath, script];
      if (name === "Node") {
        const { outputs } = await Bun.build({ entrypoints: [script], target: "node", format: "esm" });
        const bundle = `${path}.mjs`;
        await Bun.write(bundle, (await outputs[0]?.text()) ?? "");
        program = [node ?? "", bundle];
      }
      const kept = new Set<string>();
      // The child removes every third, and may have died before it said so.
      const lasting = (): string[] => [...kept].filter((id) => Number(id.split("-")[1]) % 3 !== 0);
      for (let round = 0; round < 4; round++) {
        const child = Bun.spawn([...program, path], { stdout: "pipe", stderr: "inherit" });
        let text = "";
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          text += chunk;
          if (text.length > 2_000 + round * 1_111) child.kill("SIGKILL");
        }
        await child.exited;
        const [found = "", ...lines] = text.split("\n").slice(0, -1);
        expect(Number(found.slice("found ".length))).toBeGreaterThanOrEqual(lasting().length);
        for (const line of lines) {
          if (line.startsWith("-")) kept.delete(line.slice(1));
          else kept.add(line);
        }
      }
      const storage = openAt(path);
      const ids = new Set(idsOf(await storage.load()));
      await storage.close();
      expect(kept.size).toBeGreaterThan(50);
      expect(lasting().filter((id) => !ids.has(id))).toEqual([]);
    },
    60_000,
  );
});
