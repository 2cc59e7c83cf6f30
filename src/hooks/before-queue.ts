// The questions of one before hook: many in a request, some requests at once, and answers released first in first out
// for each sender, so that no later message of somebody overtakes an earlier one.

import { arrayOf, type Fields, fieldsOf, ifWellFormed, jsonOf } from "../base/json-fields.ts";
import { printable } from "../base/printable.ts";
import type { Random } from "../base/random.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Endpoint } from "../store/hooks.ts";
import { AddressRefused } from "./addresses.ts";
import type { HookCounts } from "./hook-counts.ts";
import { type HttpSender, NoAnswer } from "./http-sender.ts";
import { eventText } from "./lane-source.ts";
import { keyOfSecret, signedHeaders } from "./signature.ts";

/** Of one request. */
const questionsMax = 100;
const questionCharactersMax = 256 * 1024;
const requestsMax = 8;
/** Questions of an endpoint that wait for a request. */
const waitingMax = 10_000;
const waitingCharactersMax = 16 * 1024 * 1024;
const sentenceCharactersMax = 200;
const idBytes = 12;

/** What a back end says of a question. */
export type Verdict =
  | { readonly isAllowed: true; readonly body?: string; readonly extra?: string }
  | { readonly isAllowed: false; readonly sentence: string };

const allowed: Verdict = { isAllowed: true };

interface Question {
  readonly sender: string;
  readonly type: string;
  readonly data: string;
  /** By the monotonic clock. */
  readonly dueMs: number;
  readonly resolve: (verdict: Verdict) => void;
  verdict: Verdict | undefined;
}

export interface BeforeParts extends Pick<Runtime, "clock" | "timers"> {
  readonly sender: HttpSender;
  readonly random: Pick<Random, "bytes">;
  readonly timeoutMs: number;
  readonly counts: HookCounts;
  readonly bug: (error: unknown) => void;
}

export class BeforeQueue {
  private readonly parts: BeforeParts;
  private waiting: Question[] = [];
  private waitingCharacters = 0;
  private readonly bySender = new Map<string, Question[]>();
  private requests = 0;
  private isSending = false;
  endpoint: Endpoint;

  constructor(endpoint: Endpoint, parts: BeforeParts) {
    this.endpoint = endpoint;
    this.parts = parts;
  }

  /** Whether nothing waits for an answer. */
  get isEmpty(): boolean {
    return this.bySender.size === 0;
  }

  /** Resolves after all earlier questions of the sender; never rejects. */
  ask(sender: string, type: string, data: object): Promise<Verdict> {
    return new Promise((resolve) => {
      const dueMs = this.parts.clock.monotonicMs() + this.parts.timeoutMs;
      const text = JSON.stringify(data);
      const hasRoom = this.waiting.length < waitingMax && this.waitingCharacters + text.length <= waitingCharactersMax;
      // One without room waits for the earlier ones of its sender alone, without its text.
      const question: Question = { sender, type, data: hasRoom ? text : "", dueMs, resolve, verdict: undefined };
      this.bySender.getOrInsertComputed(sender, () => []).push(question);
      if (!hasRoom) {
        this.decide(question, this.withoutAnswer());
        return;
      }
      this.waiting.push(question);
      this.waitingCharacters += text.length;
      // If no request ends before.
      this.parts.timers.after(this.parts.timeoutMs, () => this.expire(question));
      this.sendSoon();
    });
  }

  /** What arrives in one turn of the event loop is one request. */
  private sendSoon(): void {
    if (this.isSending) return;
    this.isSending = true;
    this.parts.timers.soon(() => {
      this.isSending = false;
      while (this.requests < requestsMax && this.waiting.length > 0) void this.send(this.take());
    });
  }

  private take(): readonly Question[] {
    let characters = 0;
    let count = 0;
    for (const { data } of this.waiting) {
      if (count >= questionsMax || (count > 0 && characters + data.length > questionCharactersMax)) break;
      characters += data.length;
      count++;
    }
    this.waitingCharacters -= characters;
    return this.waiting.splice(0, count);
  }

  private async send(questions: readonly Question[]): Promise<void> {
    this.requests++;
    try {
      const verdicts = await this.answers(questions);
      for (const [at, question] of questions.entries()) this.decide(question, verdicts?.[at] ?? this.withoutAnswer());
    } catch (bug) {
      this.parts.bug(bug);
      for (const question of questions) this.decide(question, this.withoutAnswer());
    } finally {
      this.requests--;
      if (this.waiting.length > 0) this.sendSoon();
    }
  }

  /** Undefined without a usable answer. */
  private async answers(questions: readonly Question[]): Promise<readonly Verdict[] | undefined> {
    const { sender, random, clock } = this.parts;
    const { app, url, secret } = this.endpoint;
    const key = keyOfSecret(secret);
    const leftMs = Math.min(...questions.map(({ dueMs }) => dueMs)) - clock.monotonicMs();
    if (key === undefined || leftMs <= 0) return undefined;
    const atMs = clock.wallMs();
    const texts = questions.map(({ type, data }, at) => eventText(`${at}`, type, atMs, data));
    const body = `{"app":${JSON.stringify(app)},"questions":[${texts.join(",")}]}`;
    const webhookId = `ask_${Buffer.from(random.bytes(idBytes)).toString("base64url")}`;
    try {
      const answer = await sender.post(url, signedHeaders(key, webhookId, atMs, body), body, leftMs);
      if (answer.status === 204) return questions.map(() => allowed);
      return answer.status === 200 ? verdictsIn(answer.body, questions.length) : undefined;
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof AddressRefused) return undefined;
      throw error;
    }
  }

  private expire(question: Question): void {
    if (question.verdict !== undefined) return;
    const at = this.waiting.indexOf(question);
    if (at >= 0) {
      this.waiting.splice(at, 1);
      this.waitingCharacters -= question.data.length;
    }
    this.decide(question, this.withoutAnswer());
  }

  private withoutAnswer(): Verdict {
    this.parts.counts.unanswered++;
    return this.endpoint.isFailOpen
      ? allowed
      : { isAllowed: false, sentence: "the app could not be asked whether this is allowed, try again" };
  }

  /** Releases what is decided and first of its sender. */
  private decide(question: Question, verdict: Verdict): void {
    if (question.verdict !== undefined) return;
    question.verdict = verdict;
    const queue = this.bySender.get(question.sender) ?? [];
    while (queue[0]?.verdict !== undefined) {
      const first = queue.shift();
      if (first?.verdict !== undefined) first.resolve(first.verdict);
    }
    if (queue.length === 0) this.bySender.delete(question.sender);
  }
}

/** Answers by ids of questions; what is not mentioned is allowed. Undefined for what is no answer. */
function verdictsIn(text: string, count: number): readonly Verdict[] | undefined {
  return ifWellFormed(() => {
    const verdicts: Verdict[] = Array.from({ length: count }, () => allowed);
    const { answers = [] } = fieldsOf(jsonOf(text === "" ? "{}" : text, "answer"), "answer");
    for (const each of arrayOf(answers, "answers")) {
      const fields = fieldsOf(each, "answers");
      const at = Number(fields["id"]);
      if (Number.isInteger(at) && at >= 0 && at < count) verdicts[at] = verdictIn(fields);
    }
    return verdicts;
  });
}

function verdictIn({ allow, reason, body, extra }: Fields): Verdict {
  if (allow === false) {
    const said = typeof reason === "string" ? printable(reason.slice(0, sentenceCharactersMax).toWellFormed()) : "";
    return { isAllowed: false, sentence: said === "" ? "the app does not allow this" : said };
  }
  return {
    isAllowed: true,
    ...(typeof body === "string" && { body: body.toWellFormed() }),
    ...(typeof extra === "string" && { extra: extra.toWellFormed() }),
  };
}
