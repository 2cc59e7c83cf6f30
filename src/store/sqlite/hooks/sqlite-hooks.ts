// Webhooks on the main thread: what is read is asked from the compactor, for which no request of a client waits; what
// is written goes to the writer. The thread that tells webhooks reads by itself (file-reads.ts).

import { deserialize } from "bun:jsc";
import { assert } from "../../../base/assert.ts";
import type {
  Batch,
  DeadLetter,
  Endpoint,
  EndpointSettings,
  HookChange,
  HookFile,
  HookLease,
  HookLook,
  HookPage,
  HookQuery,
  HookRecord,
  HookStore,
  Receiver,
  SerializedReads,
} from "../../hooks.ts";
import type { JoinedSaves } from "./joined-saves.ts";
import type { Answer, Request, RequestTarget } from "../protocol.ts";
import {
  type HookAnswers,
  type HookAsked,
  type HookQuestionOf,
  type HookWriteRequest,
  type HookWritten,
  logQuestions,
  sentChange,
} from "./requests.ts";

export class SqliteHooks implements HookStore {
  private readonly reader: RequestTarget;
  private readonly saves: Pick<JoinedSaves, "save">;
  private readonly write: (request: HookWriteRequest) => Promise<HookWritten>;

  constructor(
    reader: RequestTarget,
    saves: Pick<JoinedSaves, "save">,
    write: (request: HookWriteRequest) => Promise<HookWritten>,
  ) {
    this.reader = reader;
    this.saves = saves;
    this.write = write;
  }

  look(): Promise<HookLook> {
    return this.ask({ ask: "look" });
  }

  endpoints(): Promise<readonly Endpoint[]> {
    return this.ask({ ask: "endpoints" });
  }

  async set(settings: EndpointSettings): Promise<{ result: "created" | "changed" | "full" }> {
    const { result } = await this.write({ write: "set", settings });
    assert(result === "created" || result === "changed" || result === "full", "a setting is answered with what it did");
    return { result };
  }

  async remove(app: string, name: string): Promise<boolean> {
    return (await this.write({ write: "remove", app, name })).result === "done";
  }

  async lease(holder: string, { holder: seen, beat }: HookLease): Promise<HookLease> {
    const written = await this.write({ write: "lease", holder, seen: { holder: seen, beat: `${beat}` } });
    assert(written.result === "lease", "a lease is answered with the lease");
    return written.lease;
  }

  save(holder: string, changes: readonly HookChange[]): Promise<boolean> {
    return this.saves.save({ holder, changes: changes.map(sentChange) });
  }

  async waiting(endpoint: bigint): Promise<readonly Batch[]> {
    return deserialize(await this.serialized.waiting(endpoint));
  }

  dead(app: string, name: string, limit: number): Promise<readonly DeadLetter[]> {
    return this.ask({ ask: "dead", app, name, limit });
  }

  async replay(app: string, name: string, webhookId?: string): Promise<number> {
    const written = await this.write({ write: "replay", app, name, webhookId });
    assert(written.result === "replayed", "a replay is answered with a number");
    return written.batches;
  }

  async page(query: HookQuery): Promise<HookPage> {
    return deserialize(await this.serialized.page(query));
  }

  async records(ids: readonly bigint[]): Promise<readonly HookRecord[]> {
    return deserialize(await this.serialized.records(ids));
  }

  async receivers(messageIds: readonly bigint[], membersMax: number): Promise<readonly Receiver[]> {
    return deserialize(await this.serialized.receivers(messageIds, membersMax));
  }

  readonly serialized: SerializedReads = {
    waiting: (...words) => this.bytesOf(logQuestions.waiting(...words)),
    page: (...words) => this.bytesOf(logQuestions.page(...words)),
    records: (...words) => this.bytesOf(logQuestions.records(...words)),
    receivers: (...words) => this.bytesOf(logQuestions.receivers(...words)),
  };

  file(): Promise<HookFile> {
    return this.ask({ ask: "file" });
  }

  private async ask<Name extends HookAsked>(
    question: HookQuestionOf<Name> & { readonly ask: Name },
  ): Promise<HookAnswers[Name]> {
    return deserialize(await this.bytesOf(question));
  }

  private async bytesOf<Name extends HookAsked>(
    question: HookQuestionOf<Name> & { readonly ask: Name },
  ): Promise<SharedArrayBuffer> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name has one form
    const request = { kind: "hookRead", question } as Request;
    const answer: Answer = await this.reader.call(request);
    assert(answer.kind === "hookRead", "a question about webhooks is answered with its answer");
    return answer.serialized;
  }
}
