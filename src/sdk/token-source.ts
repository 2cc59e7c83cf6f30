// The application's token, or its callback that gets one. A callback may do anything: throw, reject, return what is no
// token, or never answer. Each of them is a failed try with a sentence, within a bounded time.

import { errorOf } from "./client-errors.ts";
import type { Cancel, Environment } from "./environment.ts";

/** How long a callback may take, in milliseconds. What comes later is not used: the next try asks again. */
const tokenWaitMs = 30_000;

export class TokenSource {
  private readonly source: string | (() => Promise<string>);
  private readonly environment: Environment;
  /** Time limits of callbacks that have not answered. */
  private readonly limits = new Set<Cancel>();

  constructor(source: string | (() => Promise<string>), environment: Environment) {
    this.source = source;
    this.environment = environment;
  }

  /** Whether the next token can be another one. */
  get isRenewable(): boolean {
    return typeof this.source !== "string";
  }

  /** Resolves with a token, or rejects with an Error, within `tokenWaitMs`; never settles after `stop`. */
  get(): Promise<string> {
    const { source } = this;
    if (typeof source === "string") return Promise.resolve(source);
    return new Promise<string>((resolve, reject) => {
      const cancel = this.environment.after(tokenWaitMs, () => {
        this.limits.delete(cancel);
        reject(new Error(`token() has not answered within ${tokenWaitMs / 1000} s`));
      });
      this.limits.add(cancel);
      const settle = (answer: () => void): void => {
        if (!this.limits.delete(cancel)) return;
        cancel();
        answer();
      };
      answerOf(source).then(
        (token) => settle(() => resolve(token)),
        (cause: unknown) => settle(() => reject(errorOf(cause))),
      );
    });
  }

  /** Leaves no timer behind. */
  stop(): void {
    for (const cancel of this.limits) cancel();
    this.limits.clear();
  }
}

/** A callback that throws has rejected. */
async function answerOf(source: () => Promise<string>): Promise<string> {
  if (typeof source !== "function") throw new TypeError("`token` is a text, or a function that returns one");
  const token: unknown = await source();
  if (typeof token === "string" && token !== "") return token;
  throw new TypeError(`token() returned ${token === "" ? "an empty text" : `no text but ${kindOf(token)}`}`);
}

const kindOf = (value: unknown): string => (value === null ? "null" : typeof value);
