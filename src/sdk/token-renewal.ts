// Renews the token of a session: gets a new one before the old one expires and sends it to the server. A failure is
// retried; if all tries fail, the server closes with 4003, and the next sign-in uses another token.

import { Command } from "../wire/commands.ts";
import { LoginRenewReq } from "../wire/gen/messages/login-renew-req.ts";
import { LoginRenewResp } from "../wire/gen/messages/login-renew-resp.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { Session } from "./session.ts";
import { renewDelayMs } from "./token-life.ts";
import type { TokenSource } from "./token-source.ts";

const againMs = 30_000;

export class TokenRenewal {
  private readonly environment: Environment;
  private readonly session: Session;
  private readonly tokens: TokenSource;
  private cancelTimer: Cancel = () => undefined;
  private isOver = false;

  constructor(environment: Environment, session: Session, tokens: TokenSource) {
    this.environment = environment;
    this.session = session;
    this.tokens = tokens;
  }

  after(token: string): void {
    const delayMs = renewDelayMs(token, Date.now());
    if (delayMs !== undefined) this.wait(delayMs);
  }

  stop(): void {
    this.isOver = true;
    this.cancelTimer();
  }

  private wait(delayMs: number): void {
    if (!this.isOver) this.cancelTimer = this.environment.after(delayMs, () => void this.renew());
  }

  private async renew(): Promise<void> {
    try {
      const token = await this.tokens.get();
      if (this.isOver) return;
      await this.session.request(Command.Renew, "", LoginRenewReq, { token }, LoginRenewResp);
      this.after(token);
    } catch {
      this.wait(againMs);
    }
  }
}
