// The npm package of the client library as its users have it: packed, installed in an empty folder, and compiled
// against. package-scripts.slow.test.ts runs it in Bun and Node, package-page.slow.test.ts in pages.

import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Glob } from "bun";
import { packageEntries } from "../../scripts/sdk-package.ts";
import { installSdk, type InstalledSdk, output } from "../support/installed-sdk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = join(import.meta.dir, "../..");
const where = temporaryFolder("roost-package-");
const msMax = 60_000;
let sdk: InstalledSdk;

beforeAll(() => {
  sdk = installSdk(where);
}, msMax);

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
