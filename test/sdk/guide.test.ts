// The guide of the client library: what it shows compiles, and its tables have every event and every error.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { CloseCode, Status } from "../../src/sdk/core.ts";
import { installSdk } from "../support/installed-sdk.ts";
import { blocksOf, namesOf } from "../support/sdk-guide.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const source = join(import.meta.dir, "../../src/sdk");
const where = temporaryFolder("roost-guide-");

/** The members of an interface of the source, and what the objects that they are have in them. */
function membersOf(file: string, name: string): readonly string[] {
  const [, body = ""] =
    new RegExp(`^export interface ${name} [^]*?{\n([^]*?)^}`, "m").exec(readFileSync(join(source, file), "utf8")) ?? [];
  return Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm), ([, member = ""]) => member);
}

test("its tables of events have every event of the client, the messenger and the community, and no other", () => {
  const events = [
    ...membersOf("client-options.ts", "ClientEvents"),
    ...membersOf("messenger/messenger-types.ts", "MessengerEvents"),
    ...membersOf("community/community-types.ts", "CommunityEvents"),
  ];
  expect(events.length).toBeGreaterThan(20);
  expect(namesOf("event").toSorted()).toEqual(events.toSorted());
});

test("its table of options has every option but those of tests", () => {
  const options = membersOf("client-options.ts", "ClientOptions").filter((name) => name !== "environment");
  expect(options.length).toBeGreaterThan(10);
  expect(namesOf("option").toSorted()).toEqual(options.toSorted());
});

test("its table of errors has every error of the library, all of which its entries export", async () => {
  const classes = new Set<string>(["ProtocolFault"]);
  for (const file of new Glob("**/*.ts").scanSync(source)) {
    const text = readFileSync(join(source, file), "utf8");
    for (const [, name = ""] of text.matchAll(/class (\w+) extends Error/g)) classes.add(name);
    for (const [, name = ""] of text.matchAll(/throw new (\w+Error)\(/g)) classes.add(name);
  }
  expect(namesOf("error").toSorted()).toEqual([...classes].toSorted());
  const exported = { ...(await import("../../src/sdk/core.ts")), ...(await import("../../src/sdk/media/files.ts")) };
  const own = [...classes].filter((name) => !["TypeError", "RangeError"].includes(name));
  expect(own.filter((name) => !(name in exported))).toEqual([]);
});

test("it names the packed file of this version", () => {
  const { version } = JSON.parse(readFileSync(join(source, "../../package.json"), "utf8"));
  expect(blocksOf("sh").join("")).toContain(`roost-sdk-${version}.tgz`);
});

test("its tables of statuses and of close codes are those of the protocol", () => {
  const statuses = Object.keys(Status).filter((name) => name !== "Success");
  expect(namesOf("`Status` of `RequestRefused`")).toEqual(statuses);
  expect(namesOf("`CloseCode` of a `reason`")).toEqual(Object.keys(CloseCode));
});

/** What the shorter blocks leave to their readers. */
const surroundings = `
  import type { ChatMessage, Messenger, MessengerOptions } from "roost-sdk/messenger";

  declare global {
    const client: Messenger;
    const options: MessengerOptions;
    const token: () => Promise<string>;
    const message: ChatMessage;
    const input: HTMLInputElement;
    const image: HTMLImageElement;
    const process: { readonly env: Readonly<Record<string, string | undefined>> };
  }
`;

test("its programs compile, strictly, each by itself", () => {
  const sdk = installSdk(where);
  const programs = blocksOf("ts");
  expect(programs.length).toBeGreaterThan(10);
  sdk.write("surroundings.ts", surroundings);
  for (const [at, program] of programs.entries()) sdk.write(`program-${at}.ts`, `${program}\nexport {};\n`);
  const files = ["surroundings.ts", ...programs.keys().map((at) => `program-${at}.ts`)];
  const lib = ["ESNext", "DOM", "DOM.Iterable"];
  expect(sdk.complaints(files, { lib })).toBe("");
}, 60_000);
