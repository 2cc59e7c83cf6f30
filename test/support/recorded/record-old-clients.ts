// Records the old clients against the program at hand, or the one that ROOST_BINARY names:
//
//   ROOST_BINARY=dist/roost bun test/support/recorded/record-old-clients.ts COMMIT
//
// COMMIT is that program's. A recording says what clients rely on: make it again only where the sessions have changed,
// with a program whose answers are known to be right. Format it afterwards, as `scripts/check` asks.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oldTokens, recordOldClients } from "./old-clients.ts";
import { Recorder } from "./recorder.ts";
import type { Recording } from "./recording.ts";
import { RecordedServer, recordedWords } from "./server.ts";

const [commit] = process.argv.slice(2);
if (commit === undefined) throw new Error("name the commit of the program that is recorded");
const folder = mkdtempSync(join(tmpdir(), "roost-recording-"));
const server = await RecordedServer.start(folder, recordedWords);
try {
  const recorder = new Recorder(server, oldTokens);
  await recordOldClients(recorder);
  const recording: Recording = {
    about: "Old clients and what they receive. test/support/recorded/byte-text.ts explains the notation of the bytes.",
    commit,
    words: recordedWords,
    tokens: oldTokens,
    sessions: recorder.finish(),
  };
  await Bun.write(join(import.meta.dir, "old-clients.json"), `${JSON.stringify(recording, undefined, 1)}\n`);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
