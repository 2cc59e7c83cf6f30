// Endpoints of webhooks, of which an app's back end is told.

import { Admin } from "../../wire/gen/api_pb.ts";
import type { ApiParts } from "../api-parts.ts";
import { type Method, unary } from "../method.ts";

const { method } = Admin;

export function webhooks({ chat }: ApiParts): readonly Method[] {
  const { webhooks: desk } = chat.controls;
  return [
    unary(method.setWebhook, async ({ name, url, events, failOpen, rotateSecret }, { app }) => {
      const known = (await desk.list(app)).find((each) => each.name === name);
      const { secret, isNew } = await desk.set({
        app,
        name,
        url: url ?? known?.url ?? "",
        events: events.length === 0 ? (known?.events ?? []) : events,
        isFailOpen: failOpen ?? known?.isFailOpen ?? false,
        secret: rotateSecret ? "new" : "",
      });
      const webhook = (await desk.list(app)).find((each) => each.name === name);
      return { ...(webhook && { webhook: shown(webhook) }), secret: isNew ? secret : "" };
    }),
    unary(method.listWebhooks, async (_, { app }) => ({ webhooks: (await desk.list(app)).map(shown) })),
    unary(method.removeWebhook, async ({ name }, { app }) => {
      await desk.remove(app, name);
      return {};
    }),
    unary(method.testWebhook, async ({ name }, { app }) => {
      const delivered = await desk.test(app, name);
      return delivered.result === "accepted" ? { ok: true } : { ok: false, error: delivered.reason };
    }),
    unary(method.listDeadLetters, async ({ name }, { app }) => ({
      letters: (await desk.dead(app, name)).map(({ webhookId, events, attempts, reason }) => {
        return { webhookId, events, attempts, error: reason };
      }),
    })),
    unary(method.replayDeadLetters, async ({ name, webhookId }, { app }) => ({
      letters: await desk.replay(app, name, webhookId === "" ? undefined : webhookId),
    })),
  ];
}

function shown(endpoint: Awaited<ReturnType<ApiParts["chat"]["controls"]["webhooks"]["list"]>>[number]) {
  const { name, url, events, isFailOpen, toldMs, waiting, attempts, reason, dead, lost } = endpoint;
  return {
    name,
    url,
    events: [...events],
    failOpen: isFailOpen,
    toldUntil: BigInt(Math.floor(toldMs / 1_000)),
    waiting,
    failures: attempts,
    lastError: reason,
    deadLetters: dead,
    lost: BigInt(lost),
  };
}
