// The questions that wait for a request to a before hook, by senders, who take turns: a request has one question of
// each before it has a second one of anybody.
//
// What is bounded is shared by one rule, for the questions and the bytes that wait and for the requests under way: a
// sender may hold as much as nobody holds. One that sends all it can has half, and of two each has a third; who holds
// nothing finds room.

import type { Cancel } from "../base/timers.ts";
import type { Verdict } from "./before-verdicts.ts";

/** Of one request. What is asked about fits into an answer that changes all of it (answer-reader.ts). */
const questionsMax = 100;
const questionBytesMax = 32 * 1024;
/** Questions that wait for a request. */
const waitingMax = 10_000;
const waitingBytesMax = 16 * 1024 * 1024;

export interface Question {
  readonly asker: Asker;
  readonly type: string;
  /** JSON. */
  data: string;
  bytes: number;
  /** By the monotonic clock. */
  readonly dueMs: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the timer that decides it when it is due. */
  readonly cancel: Cancel;
  /** Tells whoever has asked; undefined until it is decided. */
  release: (() => void) | undefined;
}

/** A sender about whose requests is asked. */
export class Asker {
  readonly name: string;
  /** In the order in which they came. */
  readonly unreleased: Question[] = [];
  /** Those that no request carries yet. */
  readonly waiting: Question[] = [];
  waitingBytes = 0;
  /** Under way, with questions of this sender. */
  requests = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export class Turns {
  /** With something that waits, in the order of their turns. */
  private readonly askers = new Set<Asker>();
  private count = 0;
  private bytes = 0;

  /** False if there is no room, for its sender or at all. */
  add(question: Question): boolean {
    const { asker, bytes } = question;
    if (asker.waiting.length >= waitingMax - this.count) return false;
    if (asker.waitingBytes + bytes > waitingBytesMax - this.bytes) return false;
    asker.waiting.push(question);
    asker.waitingBytes += bytes;
    this.count++;
    this.bytes += bytes;
    this.askers.add(asker);
    return true;
  }

  /** Takes the questions of a request, of senders that have fewer requests under way than are `free`. */
  take(free: number): readonly Question[] {
    const taken: Question[] = [];
    let bytes = 0;
    // Who is put behind the others is met again.
    for (const asker of this.askers) {
      if (asker.requests >= free) continue;
      const [question] = asker.waiting;
      if (question === undefined) continue;
      bytes += question.bytes;
      if (taken.length >= questionsMax || (taken.length > 0 && bytes > questionBytesMax)) break;
      taken.push(question);
      this.remove(question);
      if (this.askers.delete(asker)) this.askers.add(asker);
    }
    return taken;
  }

  /** Removes a question, if it waits. */
  remove(question: Question): void {
    const { asker, bytes } = question;
    const at = asker.waiting.indexOf(question);
    if (at < 0) return;
    asker.waiting.splice(at, 1);
    asker.waitingBytes -= bytes;
    this.count--;
    this.bytes -= bytes;
    if (asker.waiting.length === 0) this.askers.delete(asker);
  }

  /** Removes and returns all. */
  clear(): readonly Question[] {
    const all = [...this.askers].flatMap(({ waiting }) => waiting);
    for (const question of all) this.remove(question);
    return all;
  }
}
