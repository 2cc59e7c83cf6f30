// The questions of one before hook: many in a request, some requests at once, and answers released first in first out
// for each sender, so that no later message of somebody overtakes an earlier one. Each question has its own deadline,
// whatever else its request carries.

import type { Random } from "../base/random.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Endpoint } from "../store/hooks.ts";
import { AddressRefused } from "./addresses.ts";
import { Asker, type Question, Turns } from "./before-turns.ts";
import { allowed, type Verdict, verdictsIn } from "./before-verdicts.ts";
import type { HookCounts } from "./hook-counts.ts";
import { type HttpSender, NoAnswer } from "./http-sender.ts";
import { eventText } from "./lane-source.ts";
import { keyOfSecret, signedHeaders } from "./signature.ts";

const requestsMax = 8;
const idBytes = 12;

export interface BeforeParts extends Pick<Runtime, "clock" | "timers"> {
  readonly sender: Pick<HttpSender, "post">;
  readonly random: Pick<Random, "bytes">;
  readonly timeoutMs: number;
  readonly counts: HookCounts;
  readonly bug: (error: unknown) => void;
}

/** What a question says; undefined: there is nothing to ask about. */
type Asked = object | Promise<object | undefined>;

export class BeforeQueue {
  private readonly parts: BeforeParts;
  private readonly turns = new Turns();
  private readonly askers = new Map<string, Asker>();
  private requests = 0;
  private isSending = false;
  private endpoint: Endpoint | undefined;
  /** Called when nothing is left of a queue whose endpoint was removed. */
  private readonly ended: () => void;

  constructor(endpoint: Endpoint, parts: BeforeParts, ended: () => void) {
    this.endpoint = endpoint;
    this.parts = parts;
    this.ended = ended;
  }

  /** Whether nothing waits for an answer. */
  get isEmpty(): boolean {
    return this.askers.size === 0;
  }

  /**
   * Asks another endpoint from now on. Without one nobody is asked: what waits is allowed, and what comes is, in its
   * order behind what was asked before.
   */
  use(endpoint: Endpoint | undefined): void {
    this.endpoint = endpoint;
    if (endpoint !== undefined) return;
    for (const question of this.turns.clear()) this.decide(question, allowed);
    this.endIfEmpty();
  }

  /**
   * Resolves after all earlier questions of the sender. What is asked may have to be found first; the question has its
   * place among the sender's meanwhile. Rejects only with what finding it has failed with.
   */
  ask(sender: string, type: string, asked: Asked): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const { clock, timers, timeoutMs } = this.parts;
      const asker = this.askers.getOrInsertComputed(sender, () => new Asker(sender));
      const question: Question = {
        asker,
        type,
        data: "",
        bytes: 0,
        dueMs: clock.monotonicMs() + timeoutMs,
        resolve,
        reject,
        cancel: timers.after(timeoutMs, () => this.expire(question)),
        release: undefined,
      };
      asker.unreleased.push(question);
      if (!(asked instanceof Promise)) {
        this.enqueue(question, asked);
        return;
      }
      asked.then(
        (found) => (found === undefined ? this.decide(question, allowed) : this.enqueue(question, found)),
        (error: unknown) => this.settle(question, () => question.reject(error)),
      );
    });
  }

  private enqueue(question: Question, asked: object): void {
    // It has waited too long for what it is about.
    if (question.release !== undefined) return;
    if (this.endpoint === undefined) {
      this.decide(question, allowed);
      return;
    }
    question.data = JSON.stringify(asked);
    question.bytes = Buffer.byteLength(question.data);
    if (this.turns.add(question)) this.sendSoon();
    else {
      // It waits for the earlier ones of its sender alone, without its text.
      question.data = "";
      this.decide(question, this.withoutAnswer());
    }
  }

  /** What arrives in one turn of the event loop is one request. */
  private sendSoon(): void {
    if (this.isSending) return;
    this.isSending = true;
    this.parts.timers.soon(() => {
      this.isSending = false;
      while (this.requests < requestsMax) {
        const questions = this.turns.take(requestsMax - this.requests);
        if (questions.length === 0) return;
        void this.send(questions);
      }
    });
  }

  private async send(questions: readonly Question[]): Promise<void> {
    const askers = new Set(questions.map(({ asker }) => asker));
    this.requests++;
    for (const asker of askers) asker.requests++;
    try {
      const verdicts = await this.answers(questions);
      for (const [at, question] of questions.entries()) this.decide(question, verdicts[at] ?? this.withoutAnswer());
    } catch (bug) {
      this.parts.bug(bug);
      for (const question of questions) this.decide(question, this.withoutAnswer());
    } finally {
      this.requests--;
      for (const asker of askers) {
        asker.requests--;
        this.forgetIfIdle(asker);
      }
      this.sendSoon();
    }
  }

  /** By positions; what is missing was not answered. */
  private async answers(questions: readonly Question[]): Promise<readonly (Verdict | undefined)[]> {
    const { endpoint } = this;
    const { sender, random, clock } = this.parts;
    const key = endpoint === undefined ? undefined : keyOfSecret(endpoint.secret);
    // The last one's: each of the others is decided when it is due.
    const leftMs = Math.max(...questions.map(({ dueMs }) => dueMs)) - clock.monotonicMs();
    if (endpoint === undefined || key === undefined || leftMs <= 0) return [];
    const atMs = clock.wallMs();
    const texts = questions.map(({ type, data }, at) => eventText(`${at}`, type, atMs, data));
    const body = Buffer.from(`{"app":${JSON.stringify(endpoint.app)},"questions":[${texts.join(",")}]}`);
    const webhookId = `ask_${Buffer.from(random.bytes(idBytes)).toString("base64url")}`;
    try {
      const answer = await sender.post(endpoint.url, signedHeaders(key, webhookId, atMs, body), body, leftMs);
      if (answer.status === 204) return questions.map(() => allowed);
      return answer.status === 200 ? verdictsIn(answer.body, questions.length) : [];
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof AddressRefused) return [];
      throw error;
    }
  }

  private expire(question: Question): void {
    this.turns.remove(question);
    this.decide(question, this.withoutAnswer());
  }

  private withoutAnswer(): Verdict {
    if (this.endpoint === undefined) return allowed;
    this.parts.counts.unanswered++;
    if (this.endpoint.isFailOpen) return allowed;
    return {
      isAllowed: false,
      isAnswered: false,
      sentence: "the app could not be asked whether this is allowed, try again",
    };
  }

  private decide(question: Question, verdict: Verdict): void {
    this.settle(question, () => question.resolve(verdict));
  }

  /** Releases what is decided and first of its sender. */
  private settle(question: Question, release: () => void): void {
    if (question.release !== undefined) return;
    question.release = release;
    question.cancel();
    const { unreleased } = question.asker;
    while (unreleased[0]?.release !== undefined) unreleased.shift()?.release?.();
    this.forgetIfIdle(question.asker);
  }

  private forgetIfIdle(asker: Asker): void {
    if (asker.unreleased.length > 0 || asker.requests > 0) return;
    if (this.askers.get(asker.name) === asker) this.askers.delete(asker.name);
    this.endIfEmpty();
  }

  private endIfEmpty(): void {
    if (this.endpoint === undefined && this.isEmpty) this.ended();
  }
}
