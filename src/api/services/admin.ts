// The server itself, and the keys of the API.

import { Code, ConnectError } from "@connectrpc/connect";
import { limitRows } from "../../base/limits/report.ts";
import type { StoredApiKey } from "../../store/api-keys.ts";
import { Admin } from "../../wire/gen/api_pb.ts";
import type { ApiParts } from "../api-parts.ts";
import { type Method, unary } from "../method.ts";

const { method } = Admin;

const keysDefault = 100;
const keysMax = 1_000;
/** The answer is on its way before the node begins to leave. */
const leaveAfterMs = 100;

export function admin({ node, desk, limits, timers, log }: ApiParts): readonly Method[] {
  return [
    unary(method.nodes, async () => ({ nodes: [...(await node.nodes())] })),
    unary(method.limits, async () => ({
      limits: limitRows(limits, node.role).map(({ name, value, unit, what, beyond, use, reached }) => ({
        name,
        value: BigInt(value),
        unit: unit === "count" ? "" : unit,
        what,
        beyond,
        ...(use !== null && { used: BigInt(Math.round(use)) }),
        reached: BigInt(reached),
      })),
    })),
    unary(method.stats, async ({ prefix }) => ({
      stats: (await node.stats()).filter(({ name }) => name.startsWith(prefix)),
    })),
    unary(method.drain, async (_, { key }) => {
      const { leave, id } = node;
      if (leave === undefined)
        throw new ConnectError(
          "whoever started this node in a process of another program ends it",
          Code.FailedPrecondition,
        );
      log.info("a back end has told this node to leave", { key: key.id });
      timers.after(leaveAfterMs, leave);
      return { node: id };
    }),
    // A key of all apps may name `*` as the app: keys of all apps are meant.
    unary(method.createKey, async ({ name, scopes }, call) => {
      const { text, key } = await desk.create({ app: call.app, scopes, name }, call.key);
      return { key: shown(key), secret: text };
    }),
    unary(method.listKeys, async ({ after, limit }, call) => {
      const most = Math.min(limit === 0 ? keysDefault : limit, keysMax);
      const keys = (await desk.list(call.app, call.key)).filter(({ id }) => id > after);
      return { keys: keys.slice(0, most).map(shown), hasMore: keys.length > most };
    }),
    unary(method.revokeKey, async ({ id }, call) => {
      const { revokedMs } = await desk.revoke(id, call.key);
      return { revokedAt: secondsOf(revokedMs) };
    }),
  ];
}

function shown({ id, name, app, scopes, createdMs, revokedMs }: StoredApiKey) {
  return { id, name, app, scopes: [...scopes], createdAt: secondsOf(createdMs), revokedAt: secondsOf(revokedMs) };
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1_000));
}
