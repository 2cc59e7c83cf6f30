// A process for tests, of Bun or Node: adds messages to the outbox in the file argv[2] and prints the number of each
// that is kept, until it is killed.

import { openFileOutbox } from "../../../src/sdk/messenger/file-outbox.ts";
import { writeSync } from "node:fs";

const storage = openFileOutbox(process.argv[2] ?? "")({ server: "", account: "ann", device: "" });
const first = (await storage.load()).length;
const entry = { toGroup: false, dest: "bob", type: 1, body: "hello", extra: "", mentions: [], replyTo: "" };
const add = async (at: number): Promise<void> => {
  await storage.put({ ...entry, clientId: `${process.pid}-${at}`, addedAt: at, triedAt: 0, failure: "" });
  writeSync(1, `${process.pid}-${at}\n`);
  if (at % 3 === 0) {
    await storage.remove(`${process.pid}-${at}`);
    writeSync(1, `-${process.pid}-${at}\n`);
  }
};
writeSync(1, `found ${first}\n`);
for (let at = 0; ; at += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => add(at + i)));
