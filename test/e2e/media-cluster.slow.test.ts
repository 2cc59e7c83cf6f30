// Files in a cluster of processes: its chat nodes share an S3-compatible store, and any of them removes what is gone.

import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { S3Server, s3Key } from "../../scripts/harness/s3.ts";
import { until } from "../../scripts/harness/until.ts";
import { Files } from "../../src/sdk/media/files.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("media-cluster-");
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function everywhere(store?: string): Promise<void> {
  const s3 = await S3Server.start();
  endings.push(() => s3.remove());
  const path = join(folder, "s3-key");
  const { accessKeyId, secretAccessKey } = s3Key;
  const lines = [`aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`];
  writeFileSync(path, `[default]\n${lines.join("\n")}\n`, { mode: 0o600 });
  const words = { "--media": s3.url, "--media-credentials": path };
  const stage = await ClusterStage.start(
    { gateways: 2, chats: 2 },
    { slips: { "chat-1": words, "chat-2": words }, ...(store === undefined ? {} : { store }) },
  );
  endings.push(() => stage.close());
  const connect = async (account: string): Promise<Messenger> => {
    const client = await Messenger.connect({
      lookup: stage.cluster.registry,
      token: await stage.cluster.token(account),
    });
    endings.push(() => client.close());
    return client;
  };
  const people = await Promise.all(["ann", "bob", "cid", "dan"].map(connect));
  const addresses: string[] = [];
  // Whichever nodes serve them.
  for (const [at, sender] of people.entries()) {
    const receiver = people[(at + 1) % people.length];
    if (receiver === undefined) throw new Error("there is a next one");
    const content = `from ${sender.account}`;
    const media = await new Files(sender).upload(new Blob([content]), { name: "note.txt", type: "text/plain" });
    const timeline = await receiver.conversation({ account: sender.account }).timeline();
    sender.conversation({ account: receiver.account }).send({ body: "see", media: [media] });
    await until(() => timeline.messages.length === 1, "it came");
    const [message] = timeline.messages;
    const files = new Files(receiver);
    expect(await (await files.download(message?.id ?? 0n, media)).text()).toBe(content);
    addresses.push((await files.address(message?.id ?? 0n, media)).url);
    await sender.recall(message?.id ?? 0n);
  }
  for (const address of addresses)
    await until(async () => (await fetch(address)).status === 404, "the file is removed", 100_000);
}

test("files on SQLite", () => everywhere(), 240_000);

test.skipIf(!hasPostgres)(
  "files on PostgreSQL",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    await everywhere(await server.makeDatabase());
  },
  240_000,
);
