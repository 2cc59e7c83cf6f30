// A key that is revoked while an export with it is being read.

import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ApiStage, makeKey } from "./api-stage.ts";

const recordsPerRequest = 1_000;
const requests = 40;
const bodyBytes = 1_000;
const whole = recordsPerRequest * requests * bodyBytes;

/** More messages than sockets hold unread. */
async function fill(stage: ApiStage): Promise<void> {
  const text = "m".repeat(bodyBytes);
  const messages = stage.messages();
  let cursor = "";
  for (let request = 0; request < requests; request++) {
    const records = Array.from({ length: recordsPerRequest }, (_, at) => {
      const sendTime = 1_700_000_000_000_000_000n + BigInt(request * recordsPerRequest + at) * 1_000_000n;
      return { kind: { case: "message" as const, value: { sender: "ann", account: "bob", sendTime, body: text } } };
    });
    ({ cursor } = await messages.import({ name: "history", cursor, records }));
  }
}

test("an export ends with unauthenticated within a second after its key was revoked, whatever is left", async () => {
  await using stage = await ApiStage.start();
  await fill(stage);
  const key = await makeKey(stage.messenger, "app", ["messages:export"]);
  const { keys } = await stage.admin().listKeys({});
  const [revoked] = keys.filter(({ scopes }) => scopes.join() === "messages:export");
  const { hostname, port } = new URL(stage.url);
  const body = Buffer.from("\0\0\0\0\u0002{}");
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(
    `POST /roost.v1.Messages/Export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\n` +
      `Content-Type: application/connect+json\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  let bytes = 0;
  let tail = "";
  const read = (data: Buffer): void => {
    bytes += data.length;
    tail = (tail + data.toString("latin1")).slice(-500);
  };
  const [first] = await once(socket, "data");
  socket.pause();
  read(first);
  await stage.admin().revokeKey({ id: revoked?.id ?? "" });
  await pause(1_000);
  socket.on("data", read);
  socket.resume();
  await once(socket, "close");
  expect(tail).toContain('"code":"unauthenticated"');
  expect(bytes).toBeLessThan(whole / 2);
});
