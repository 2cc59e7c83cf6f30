// Routes commands to handlers through a chain of middlewares. The chain is composed once, when a handler is registered:
// a request costs one map look-up and the calls.

import { Status } from "../wire/gen/pkt_pb.ts";
import { type Answer, type Call, CallContext } from "./call-context.ts";
import type { Context } from "./context.ts";

/** Serves a request and answers through the context, now or later. `recover` answers what it throws or rejects with. */
export type Handler = (context: Context) => void | Promise<void>;
/** Wraps a handler. The first middleware of a router is the outermost. */
export type Middleware = (next: Handler) => Handler;

/** The commands of one service. */
export class Router {
  private readonly handlers = new Map<string, Handler>();
  private readonly middlewares: readonly Middleware[];
  private readonly unknown: Handler;

  constructor(middlewares: readonly Middleware[]) {
    this.middlewares = middlewares;
    this.unknown = compose(middlewares, (context) => {
      context.refuse(Status.NotImplemented, `there is no command ${JSON.stringify(context.command.slice(0, 64))}`);
    });
  }

  /** Registers a command's handler; `middlewares` replaces those of the router. */
  handle(command: string, handler: Handler, middlewares = this.middlewares): void {
    this.handlers.set(command, compose(middlewares, handler));
  }

  /** Runs a request through its chain. Answers an unknown command with NotImplemented. */
  route(context: Context): void {
    const pending = (this.handlers.get(context.command) ?? this.unknown)(context);
    // The outermost middleware is `recover`, which answers refusals and bugs and never rejects.
    if (pending !== undefined) void pending;
  }

  /** Runs a back end's request through the same chain; never rejects. `answered` is called before it resolves. */
  call(call: Call, answered?: () => void): Promise<Answer> {
    return new Promise((resolve) => {
      const settle = (answer: Answer): void => {
        answered?.();
        resolve(answer);
      };
      this.route(new CallContext(call, settle));
    });
  }
}

function compose(middlewares: readonly Middleware[], handler: Handler): Handler {
  return middlewares.reduceRight((next, middleware) => middleware(next), handler);
}
