// Clients of the first versions of the protocol receive what they received from an earlier program, byte for byte. Its
// answers are kept in test/support/recorded/old-clients.json; a difference breaks clients that are in use.

import { afterAll, beforeAll, expect, test } from "bun:test";
import recording from "../support/recorded/old-clients.json";
import { parseBytes, writeBytes } from "../support/recorded/byte-text.ts";
import { play } from "../support/recorded/player.ts";
import type { Recording, Session } from "../support/recorded/recording.ts";
import { RecordedServer } from "../support/recorded/server.ts";
import { Values } from "../support/recorded/values.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- TypeScript widens the strings of a JSON file
const { words, tokens, sessions } = recording as unknown as Recording;

const folder = temporaryFolder("roost-old-clients-");
let server: RecordedServer;
beforeAll(async () => {
  // The root showed browsers no page then.
  server = await RecordedServer.start(folder, [...words, "--web", "off"]);
}, 60_000);
afterAll(() => server.stop());

/** A session that ends with its first answer, of which one byte is another. */
function altered({ steps }: Session, at: number): Session {
  const [first, second] = steps;
  if (first === undefined || second === undefined) throw new Error("a client connects and signs in");
  const received = Object.entries(second.received).map(([name, [text = ""]]) => [name, [otherByte(text, at)]]);
  return { name: `byte ${at}`, steps: [first, { ...second, received: Object.fromEntries(received) }] };
}

function otherByte(text: string, at: number): string {
  let begin = 0;
  return writeBytes(
    parseBytes(text).map((segment) => {
      if (!Buffer.isBuffer(segment)) return segment;
      const place = at - begin;
      begin += segment.length;
      return Buffer.from(segment.map((byte, index) => (index === place ? byte ^ 1 : byte)));
    }),
  );
}

test("a replay fails where an answer differs by one byte, whichever it is", async () => {
  const [session] = sessions;
  const [text = ""] = session?.steps[1]?.received["alice"] ?? [];
  const literal = parseBytes(text).filter((segment) => Buffer.isBuffer(segment));
  const count = literal.reduce((sum, { length }) => sum + length, 0);
  expect(count).toBeGreaterThan(80);
  if (session === undefined) throw new Error("there are sessions");
  for (let at = 0; at < count; at++)
    await expect(play(altered(session, at), server, new Values(tokens))).rejects.toThrow(
      /^byte \d+, step 1 .*expected/,
    );
  await play(altered(session, count), server, new Values(tokens));
}, 60_000);

test("old clients receive what they always have", async () => {
  const values = new Values(tokens);
  for (const session of sessions) await play(session, server, values);
}, 60_000);
