// The application's token, or the callback that returns one. A callback may throw, reject, return an invalid value or
// never answer; each of these becomes a failed try with a message, within a bounded time.

import { errorOf } from "./client-errors.ts";
import type { Cancel, Environment } from "./environment.ts";

/** The time limit of a callback, in milliseconds. A later answer is dropped: the next try calls again. */
const tokenWaitMs = 30_000;

export class TokenSource {
  private readonly source: string | (() => Promise<string>);
  private readonly environment: Environment;
  private readonly limits = new Set<Cancel>();

  constructor(source: string | (() => Promise<string>), environment: Environment) {
    this.source = source;
    this.environment = environment;
  }

  /** Whether the next token can be a different one. */
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

  stop(): void {
    for (const cancel of this.limits) cancel();
    this.limits.clear();
  }
}

/** Turns an exception of the callback into a rejection. */
async function answerOf(source: () => Promise<string>): Promise<string> {
  if (typeof source !== "function") throw new TypeError("`token` must be a string or a function that returns one");
  const token: unknown = await source();
  if (typeof token === "string" && token !== "") return token;
  throw new TypeError(`token() returned ${token === "" ? "an empty string" : `${kindOf(token)} instead of a string`}`);
}

const kindOf = (value: unknown): string => (value === null ? "null" : typeof value);
