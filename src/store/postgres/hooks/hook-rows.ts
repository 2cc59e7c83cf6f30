// The rows of webhooks as they are stored.

import { type Batch, type Endpoint, type HookChange, hookEvents, hookQuestions, type Lane } from "../../hooks.ts";
import { fromText, toText } from "../text.ts";

export interface EndpointRow {
  readonly id: bigint;
  readonly version: bigint;
  readonly told: bigint;
  readonly undelivered: bigint;
  readonly lost: bigint;
  readonly fail_open: boolean;
  readonly app: string;
  readonly name: string;
  readonly url: string;
  readonly secret: string;
  readonly events: string;
}
export interface BatchRow {
  readonly hook: bigint;
  readonly up_to: bigint;
  readonly due_ms: bigint;
  readonly attempts: number;
  readonly webhook_id: string;
  readonly lane: Lane;
  readonly state: Batch["state"];
  readonly refs: string;
  readonly conversation: string;
  readonly reason: string;
}

export function endpointOf(row: EndpointRow): Endpoint {
  const { id, version, told, undelivered, lost, fail_open, app, name, url, secret, events } = row;
  const known = events.split(",");
  return {
    id,
    version,
    app: fromText(app),
    name,
    url,
    secret,
    events: [...hookEvents, ...hookQuestions].filter((event) => known.includes(event)),
    isFailOpen: fail_open,
    positions: { log: told, undelivered },
    lost: Number(lost),
  };
}

export function batchOf(row: BatchRow): Batch {
  const { hook, up_to, due_ms, attempts, webhook_id, lane, state, refs, conversation, reason } = row;
  return {
    webhookId: webhook_id,
    endpoint: hook,
    lane,
    state,
    refs: refs === "" ? [] : fromText(refs).split(","),
    conversation: fromText(conversation),
    upTo: up_to,
    attempts,
    dueMs: Number(due_ms),
    reason: fromText(reason),
  };
}

/** For roost.save_hooks: JSON text, with ids as text. */
export function sentChanges(changes: readonly HookChange[]): string {
  const rows = changes.map((change) => {
    if (change.change !== "put") return change;
    const { refs, conversation, reason, dueMs, ...batch } = change.batch;
    return {
      change: "put",
      batch: {
        ...batch,
        refs: toText(refs.join(",")),
        conversation: toText(conversation),
        reason: toText(reason),
        dueMs: Math.floor(dueMs),
      },
    };
  });
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
}
