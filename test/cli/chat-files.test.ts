// The terminal client's commands of files, against a real server.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { runChat } from "../../src/cli/chat/chat-session.ts";
import { idOf, MediaPerson, startWithMedia } from "../media/media-stage.ts";
import type { Messenger as Server } from "../support/messenger.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("chat-files-");
let server: Server;
beforeAll(async () => {
  server = await startWithMedia();
});
afterAll(() => server.stop());

/** Runs these lines; what was printed, without times. */
async function chat(account: string, lines: readonly string[], url = `ws://${server.ws}`) {
  const printed = { output: "", errors: "" };
  const collect = (name: "output" | "errors") => async (text: string) => {
    printed[name] += text;
    await Promise.resolve();
  };
  const status = await runChat({
    url: [url],
    lookup: [],
    token: () => server.token(account),
    account,
    device: "",
    to: undefined,
    group: undefined,
    input: Readable.from(lines.map((line) => `${line}\n`)),
    output: collect("output"),
    errors: collect("errors"),
    terminal: undefined,
    commands: true,
  });
  return { status, errors: printed.errors, output: printed.output.replaceAll(/^\d\d:\d\d /gm, "").split("\n") };
}

test("a file is sent, shown with its size, and kept by who got it, over nothing", async () => {
  const path = join(folder, "my holiday.png");
  writeFileSync(path, "x".repeat(1_234));
  expect(await chat("ann", ["/to bob", `/send "${path}"`])).toMatchObject({ status: 0, errors: "" });
  const kept = mkdtempSync(join(folder, "kept-"));
  const { output, errors } = await chat("bob", ["/to ann", `/save "${kept}"`, `/save #1 "${kept}"`]);
  expect([errors, ...output.slice(0, 3)]).toEqual([
    "",
    '#1 ann (image, file "my holiday.png" 1.2 KB): my holiday.png',
    `* kept "${join(kept, "my holiday.png")}"`,
    `* kept "${join(kept, "my holiday (2).png")}"`,
  ]);
  expect(readdirSync(kept).toSorted()).toEqual(["my holiday (2).png", "my holiday.png"]);
  expect(readFileSync(join(kept, "my holiday.png"), "utf8")).toBe("x".repeat(1_234));
});

test("a file of somebody else's is kept under no hidden name", async () => {
  const eve = await MediaPerson.signIn(server, "eve");
  idOf(await eve.send("rob", [await eve.upload(new TextEncoder().encode("alias"), ".bashrc", "text/plain")]));
  const kept = mkdtempSync(join(folder, "kept-"));
  expect((await chat("rob", ["/to eve", `/save "${kept}"`])).errors).toBe("");
  expect(readdirSync(kept)).toEqual(["_bashrc"]);
});

test("what cannot be sent or kept is said", async () => {
  const lines = ["/to bob", "/send /no/such/file", "/save", "plain", "/save #1"];
  const { errors } = await chat("dan", lines);
  expect(errors).toContain('/send: there is no file "/no/such/file"');
  expect(errors).toContain("/save: #1 has no file");
  const path = join(folder, "over tcp.txt");
  writeFileSync(path, "x");
  expect((await chat("dan", ["/to bob", `/send "${path}"`], `tcp://${server.tcp}`)).errors).toContain(
    "the files are at the server's WebSocket listener: connect there, by ws:// or wss://",
  );
});
