// Clusters of which one node was given other sessions: it is refused, and what is served is right.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { endings, newFolder, putTogether, refusedNode, servesRightly } from "./slip-cluster.ts";

for (const late of ["chat-2", "login-2"]) {
  test(`of several nodes ${late} has other sessions`, async () => {
    const other = join(newFolder(), "own.db");
    const stage = await putTogether(
      { logins: 2, chats: 2 },
      { slips: { [late]: { "--sessions": `sqlite:${other}` } } },
      [late],
    );
    expect(await refusedNode(stage, [stage.path("sessions.db"), other])).toBe(late);
    await servesRightly(stage);
  }, 180_000);

  test.skipIf(isRedisMissing)(
    `of several nodes ${late} has another, empty database of one Redis`,
    async () => {
      const redis = await RedisServer.start();
      endings.push(() => redis.remove());
      const [right, wrong] = [redis.url(0), redis.url(1)];
      const slips = { [late]: { "--sessions": wrong } };
      const stage = await putTogether({ logins: 2, chats: 2 }, { sessions: right, slips }, [late]);
      expect(await refusedNode(stage, [right, wrong])).toBe(late);
      await servesRightly(stage);
    },
    180_000,
  );
}
