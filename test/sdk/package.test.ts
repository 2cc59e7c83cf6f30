// The npm package of the client library as its users have it: packed, installed in an empty folder, compiled, run.
// What bundlers make of it is in package-page.slow.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Glob } from "bun";
import { packageEntries } from "../../scripts/sdk-package.ts";
import { installSdk, type InstalledSdk, output } from "../support/installed-sdk.ts";
import { Messenger } from "../support/messenger.ts";
import { nodeOf } from "../support/node-versions.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = join(import.meta.dir, "../..");
const where = temporaryFolder("roost-package-");
const msMax = 60_000;
let sdk: InstalledSdk;
let server: Messenger;

beforeAll(async () => {
  sdk = installSdk(where);
  server = await Messenger.start();
}, msMax);
afterAll(() => server.stop());

/** Uses something of every entry, and of every kind of what they export: classes, errors, numbers, types. */
const consumer = `
  import { CloseCode, RequestRefused, RoostClient, Status, type ClientOptions, type Message } from "roost-sdk";
  import { Community, type GroupChange } from "roost-sdk/community";
  import { openFileOutbox } from "roost-sdk/file-outbox";
  import { Files, type FileAddress } from "roost-sdk/media";
  import { Messenger, type ChatMessage, type Conversation } from "roost-sdk/messenger";
  import { claimTabDevice } from "roost-sdk/tab-device";

  const seen: Message[] = [];
  const options: ClientOptions = { url: ["ws://127.0.0.1:8000"], token: async () => "a token" };
  const client = await RoostClient.connect({ ...options, on: { message: (message) => void seen.push(message) } });
  client.on("offline", ({ reason, returnsInMs }) => console.log(reason.code === CloseCode.Kicked, returnsInMs));
  try {
    const stored: bigint = (await client.talkToUser("bob", { body: "hello" })).id;
    console.log(stored, (await client.members("a group"))[0]?.joinTime);
  } catch (error) {
    if (error instanceof RequestRefused && error.status === Status.Forbidden) console.log(error.message);
  }
  const { device } = await claimTabDevice();
  const outbox = openFileOutbox("alice.outbox");
  const messenger = await Messenger.connect({ url: "ws://127.0.0.1:8000", token: "", device, outbox }, Community.of);
  const talk: Conversation = messenger.conversation({ account: "bob" });
  const sent: ChatMessage = talk.send({ body: "hello", media: [await new Files(messenger).upload(new Blob([]))] });
  const addresses: readonly FileAddress[] = await new Files(messenger).addresses(sent.id);
  const changes: GroupChange[] = [];
  Community.of(messenger).on("groupChanged", (change) => changes.push(change));
  console.log(addresses.length);
`;

test("its files are those that npm packs: modules, declarations, maps, the guide and the licence", () => {
  const files = [...new Glob("**/*").scanSync(sdk.made)].toSorted();
  const npm = Bun.which("npm");
  if (npm !== null) {
    const [{ files: packed }] = JSON.parse(output([npm, "pack", "--dry-run", "--json"], sdk.made));
    expect(packed.map(({ path }: { path: string }) => path).toSorted()).toEqual(files);
  }
  const kinds = new Set(files.map((file) => file.replace(/^lib\/.*?((\.d)?\.ts|\.js(\.map)?)$/, "lib $1")));
  expect([...kinds].toSorted()).toEqual([
    "LICENSE",
    "README.md",
    "lib .d.ts",
    "lib .js",
    "lib .js.map",
    "package.json",
  ]);
  const installed = join(sdk.folder, "node_modules/roost-sdk");
  expect([...new Glob("**/*").scanSync(installed)].toSorted()).toEqual(files);
  expect(readFileSync(join(sdk.made, "README.md"), "utf8")).not.toContain("](../");
});

test("it needs no package, has the version of the server, and an entry for each part", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(join(sdk.made, "package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "roost-sdk", version, license: "MIT", sideEffects: false, type: "module" });
  expect(["dependencies", "peerDependencies", "scripts"].filter((name) => name in manifest)).toEqual([]);
  expect(Object.keys(manifest.exports)).toEqual([...Object.keys(packageEntries), "./package.json"]);
});

test("a strict program compiles against it without types of Bun or Node, declarations checked", () => {
  sdk.write("consumer.ts", consumer);
  expect(sdk.complaints(["consumer.ts"])).toBe("");
  expect(sdk.complaints(["consumer.ts"], { module: "esnext", moduleResolution: "bundler" })).toBe("");
});

test("a strict program of Node compiles against it without types of pages", () => {
  const typeRoots = [join(root, "node_modules/@types")];
  expect(sdk.complaints(["consumer.ts"], { lib: ["ES2022"], types: ["node"], typeRoots })).toBe("");
});

test("the compiler refuses an event, an entry and a field that do not exist", () => {
  sdk.write(
    "wrong.ts",
    `import { RoostClient } from "roost-sdk";
import { Session } from "roost-sdk/lib/sdk/session.js";
const client = await RoostClient.connect({ url: "ws://127.0.0.1:8000", token: "" });
client.on("massage", () => Session);
client.on("message", ({ text }) => text);
`,
  );
  const found = sdk.complaints(["wrong.ts"]).matchAll(/wrong\.ts\((\d+),\d+\): error (TS\d+)/gm);
  expect(Array.from(found, ([, line, code]) => `${line} ${code}`)).toEqual(["2 TS2307", "4 TS2345", "5 TS2339"]);
});

test("no declaration names anything of Bun or Node", () => {
  const found: string[] = [];
  for (const file of new Glob("lib/**/*.d.ts").scanSync(sdk.made)) {
    const code = readFileSync(join(sdk.made, file), "utf8").replaceAll(/\/\*.*?\*\/|\/\/.*$/gms, "");
    found.push(
      ...Array.from(code.matchAll(/\b(Bun|NodeJS|Buffer|node:\w+|bun:\w+)\b/g), ([name]) => `${file}: ${name}`),
    );
  }
  expect(found).toEqual([]);
});

test("a source map has the source, as it is in the repository but for the names of modules", () => {
  const maps = [...new Glob("lib/**/*.js.map").scanSync(sdk.made)];
  expect(maps.length).toBeGreaterThan(100);
  for (const file of maps) {
    const { sources, sourcesContent } = JSON.parse(readFileSync(join(sdk.made, file), "utf8"));
    const source = relative(sdk.made, join(sdk.made, file, "..", sources[0])).replace(/^(\.\.\/)*/, "");
    const text = readFileSync(join(root, source), "utf8");
    expect(sourcesContent[0].replaceAll('.js"', '.ts"')).toBe(text.replaceAll('.js"', '.ts"'));
  }
});

/** Two people talk, one of them with a messenger whose outbox is in a file. Prints what came as JSON. */
const script = `
  import { RoostClient } from "roost-sdk";
  import { Messenger } from "roost-sdk/messenger";
  import { Community } from "roost-sdk/community";
  import { openFileOutbox } from "roost-sdk/file-outbox";
  const [url, aliceToken, bobToken, outbox] = process.argv.slice(2);
  const came = Promise.withResolvers();
  const bob = await RoostClient.connect({ url, token: bobToken, on: { message: came.resolve } });
  const alice = await Messenger.connect(
    { url, token: aliceToken, device: "script", outbox: openFileOutbox(outbox) },
    Community.of,
  );
  alice.conversation({ account: bob.account }).send({ body: "from a script" });
  const { sender, body } = await came.promise;
  const { id, leftOut } = await alice.newGroup({ name: "tea", members: [bob.account] });
  const { memberCount } = await Community.of(alice).group(id).detail();
  await Promise.all([alice.close(), bob.close()]);
  console.log(JSON.stringify({ sender, body, leftOut, memberCount }));
`;

/** What the program prints of the script. */
async function printed(program: string, name: string, url: string): Promise<unknown> {
  const path = sdk.write(`${name}.mjs`, script);
  const tokens = await Promise.all([server.token(`alice-${name}`), server.token(`bob-${name}`)]);
  const command = [program, path, url, ...tokens, join(where, `${name}.outbox`)];
  const child = Bun.spawn(command, { cwd: sdk.folder, stdout: "pipe", stderr: "pipe" });
  const timer = setTimeout(() => child.kill(), msMax);
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  clearTimeout(timer);
  return out === "" ? errors : JSON.parse(out);
}
const wanted = (name: string): object => ({
  sender: `alice-${name}`,
  body: "from a script",
  leftOut: [],
  memberCount: 2,
});

for (const transport of ["ws", "tcp"] as const) {
  test(`a script of Bun talks with it over ${transport}`, async () => {
    const name = `bun-${transport}`;
    expect(await printed(process.execPath, name, `${transport}://${server[transport]}`)).toEqual(wanted(name));
  });
}

for (const major of [22, 24]) {
  const found = nodeOf(major);
  const missing = "missing" in found ? ` (skipped: ${found.missing})` : "";
  describe.skipIf(missing !== "")(`Node ${major}${missing}`, () => {
    test("a script talks with it", async () => {
      const node = "path" in found ? found.path : "";
      expect(await printed(node, `node-${major}`, `ws://${server.ws}`)).toEqual(wanted(`node-${major}`));
    });
  });
}
