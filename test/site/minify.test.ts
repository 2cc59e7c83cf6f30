// Which members of the page's scripts get other names, and which must not.

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { OutboxEntry, OutboxOwner } from "../../src/sdk/messenger/outbox-storage.ts";
import { renamable, shorten, textOfMethod, uncalled } from "../../src/site/minify.ts";

/** Of these names, those that have others in a script which reads them of an object. */
async function renamedOf(names: readonly string[]): Promise<string[]> {
  const [script = ""] = await shorten([`export const read = (it) => [${names.map((name) => `it.${name}`).join()}]`]);
  const left = new Set(Array.from(script.matchAll(/\.(\w+)/g), ([, name = ""]) => name));
  return names.filter((name) => !left.has(name));
}

test("our own members get shorter names", async () => {
  expect(await renamedOf(["cancelTimer", "messageId", "hasBefore"])).toEqual(["cancelTimer", "messageId", "hasBefore"]);
});

test("what the language and browsers declare keeps its name, also where our modules declare it", async () => {
  const packages = join(import.meta.dir, "../../node_modules/@typescript");
  const own = await renamable([]);
  const shared = new Set<string>();
  for await (const path of new Bun.Glob("*/lib/lib.{dom,es}*.d.ts").scan(packages)) {
    const text = await Bun.file(join(packages, path)).text();
    for (const [, name = ""] of text.matchAll(/^ +(?:readonly |get |set )?([a-z_]\w*)\??[:(<]/gim))
      if (own.has(name)) shared.add(name);
  }
  expect(shared.size).toBeGreaterThan(100);
  expect(await renamedOf([...shared])).toEqual([]);
});

test("attributes of elements keep their names", async () => {
  const attributes = new Set<string>();
  const folder = join(import.meta.dir, "../../src/web/views");
  for await (const path of new Bun.Glob("*.tsx").scan(folder)) {
    const text = await Bun.file(join(folder, path)).text();
    for (const [, inside = ""] of text.matchAll(/<[a-z]\w*((?:\s+[\w-]+(?:=(?:"[^"]*"|\{[^{}]*\}))?)*)/g))
      for (const [, name = ""] of inside.matchAll(/\s([a-z]\w*)(?==)/gi)) attributes.add(name);
  }
  expect([...attributes]).toContain("placeholder");
  expect(await renamedOf([...attributes])).toEqual([]);
});

test("what a browser keeps for a later release has its names", async () => {
  const media = { id: "", name: "", type: "", size: 0n };
  const entry: Required<OutboxEntry> = {
    ...{ clientId: "", toGroup: false, dest: "", type: 1, body: "", extra: "", mentions: [], replyTo: "" },
    ...{ media: [media], addedAt: 0, triedAt: 0, failure: "" },
  };
  const owner: OutboxOwner = { server: "", account: "", device: "" };
  const names = [...Object.keys(entry), ...Object.keys(media), ...Object.keys(owner), "owner", "entry"];
  expect(await renamedOf([...new Set(names)])).toEqual([]);
});

test("the names of fields in tables are those of the members; a name that a string has stays", async () => {
  const read = 'it.messageId + it.hasBefore + it["hasBefore"]';
  const table = `export const table = [["@messageId", 0]], read = (it) => ${read};`;
  const [script = ""] = await shorten([table]);
  const [, field = ""] = /\["(\w+)",0\]/.exec(script) ?? [];
  expect(field).not.toBe("messageId");
  expect(script).toContain(`.${field}+`);
  expect(script.match(/\.hasBefore\b/g)?.length).toBe(2);
});

test("what the page leaves out of the library is there, and is whole methods", async () => {
  const src = join(import.meta.dir, "../../src");
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for (const [path, names] of Object.entries(uncalled)) {
    let text = await Bun.file(join(src, path)).text();
    for (const name of names) {
      const found = textOfMethod(name).exec(text)?.[0] ?? "";
      expect(() => transpiler.transformSync(`class One {\n${found}\n}`)).not.toThrow();
      expect([path, name, found.split(/^ {2}\}$/m).length]).toEqual([path, name, 2]);
      text = text.replace(found, "");
    }
    expect(() => transpiler.transformSync(text)).not.toThrow();
  }
});

test("nothing of the page calls what is left out of the library", async () => {
  const receivers: Readonly<Record<string, string>> = {
    group: "client",
    members: "client",
    index: "client",
    unread: "conversations",
    messages: "timeline",
  };
  const folder = join(import.meta.dir, "../../src");
  const names = Object.values(uncalled)
    .flat()
    .filter((name) => /^\w+$/.test(name));
  const calls = names.map((name) => `\\b${receivers[name] ?? "\\w+"}\\??\\.${name}\\b`);
  const call = new RegExp(`(?:${calls.join("|")})|\\bof (?:[\\w.]+\\.)?(?:conversations|groups)\\)`);
  for await (const path of new Bun.Glob("{web,sdk/messenger,sdk/community,sdk/media}/**/*.{ts,tsx}").scan(folder)) {
    const text = (await Bun.file(join(folder, path)).text()).replace(/^ *(?:\/\/|\/?\*).*$/gm, "");
    expect([path, call.exec(text)?.[0]]).toEqual([path, undefined]);
  }
});
