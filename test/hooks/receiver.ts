// A back end that is told by webhooks: it verifies each request with the package of Standard Webhooks.

import { Webhook } from "standardwebhooks";

export const testSecret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}
interface Received {
  readonly webhookId: string;
  readonly app: string;
  readonly events: readonly ReceivedEvent[];
  /** Of the answer. */
  readonly status: number;
}

/** Judges a request; the default accepts. */
type Judge = (request: Omit<Received, "status">) => number | Response | Promise<number | Response>;

export class Receiver {
  /** Every request whose signature is valid, in order. */
  readonly requests: Received[] = [];
  readonly invalid: string[] = [];
  judge: Judge = () => 200;
  private readonly server;

  constructor(secret = testSecret, port = 0) {
    this.server = Bun.serve({
      hostname: "127.0.0.1",
      port,
      idleTimeout: 60,
      fetch: async (request) => {
        const body = await request.text();
        try {
          new Webhook(secret).verify(body, Object.fromEntries(request.headers));
        } catch (error) {
          this.invalid.push(String(error));
          return new Response("invalid signature", { status: 401 });
        }
        const told: { app: string; events: ReceivedEvent[] } = JSON.parse(body);
        const received = { webhookId: request.headers.get("webhook-id") ?? "", ...told };
        const judged = await this.judge(received);
        const response = typeof judged === "number" ? new Response(null, { status: judged }) : judged;
        this.requests.push({ ...received, status: response.status });
        return response;
      },
    });
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Of accepted requests, in order; repeated ones are repeated. */
  get events(): readonly ReceivedEvent[] {
    return this.requests.filter(({ status }) => status < 300).flatMap(({ events }) => events);
  }

  /** The bodies of the messages that were accepted. */
  get bodies(): readonly unknown[] {
    return this.events.map(({ data }) => data["body"]);
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
  }
}
