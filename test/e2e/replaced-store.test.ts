// A database that is restored from a dump under running chat nodes, as an operator does it with psql: people whose
// account numbers the nodes remember get their messages, and nobody gets those of others.

import { expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readContents, readIndex, talk } from "../support/commands.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { endings } from "../support/endings.ts";
import type { WireClient } from "../support/wire-client.ts";

const ends = endings();

async function bodiesOf(client: WireClient): Promise<string[]> {
  const index = await readIndex(client);
  const contents = await readContents(
    client,
    index.map(({ messageId }) => messageId),
  );
  return contents.map(({ body }) => body);
}

/** Says it until it is stored. */
async function say(client: WireClient, to: string, body: string): Promise<void> {
  await until(async () => {
    const { status } = await client.request(Command.UserTalk, to, MessageReqSchema, { type: 1, body });
    return status === Status.Success;
  }, "a talk is stored");
}

test.skipIf(!hasPostgres || Bun.which("pg_dump") === null)(
  "a dump that is restored under running chat nodes gives no message to somebody else",
  async () => {
    const server = await PostgresServer.start();
    ends.push(() => server.stop());
    const store = await server.makeDatabase();
    const stage = await ClusterStage.start({ chats: 2 }, { store });
    ends.push(() => stage.close());
    const alice = await stage.wire("alice");
    for (let count = 0; count < 4; count++) await talk(alice, "bob", `before ${count}`);

    const dump = Bun.spawnSync(["pg_dump", "--no-owner", "--clean", "--if-exists", store]);
    expect(dump.exitCode).toBe(0);
    // Both nodes learn the number that carol has now.
    for (let count = 0; count < 8; count++) await talk(alice, "carol", `lost ${count}`);
    const restored = Bun.spawnSync(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", store], {
      stdin: dump.stdout,
    });
    expect([restored.exitCode, restored.stderr.toString()]).toEqual([0, ""]);

    // Mallory gets the number that carol had.
    await say(alice, "mallory", "for mallory");
    const said = Array.from({ length: 10 }, (_, count) => `for carol ${count}`);
    for (const body of said) await say(alice, "carol", body);
    expect(await bodiesOf(await stage.wire("mallory"))).toEqual(["for mallory"]);
    expect(await bodiesOf(await stage.wire("carol"))).toEqual(said);
    for (const name of ["chat-1", "chat-2"]) {
      // One that was asked nothing since learns it when it renews its lease.
      await stage.says(name, /The message store was replaced/);
      const log = stage.cluster.process(name)?.log ?? "";
      expect(log.match(/The message store was replaced/g)).toHaveLength(1);
      // One that looks while a part of the dump is restored says that, too.
      const expected = / error The message store cannot commit;.*If it is not being restored now/g;
      const errors = log.split("\n").filter((line) => line.replace(expected, "").includes(" error "));
      expect({ name, errors }).toEqual({ name, errors: [] });
      await until(() => stage.cluster.isReady(name), `${name} is ready again`);
    }
  },
  60_000,
);
