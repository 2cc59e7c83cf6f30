// Commands to handlers, through a chain of middlewares that is composed once, when a handler is registered: a request
// costs one map look-up and the calls themselves.

import { Status } from "../wire/gen/pkt_pb.ts";
import type { Context } from "./context.ts";

/** Serves one request; answers through the context, now or later. What it throws or rejects with, `recover` answers. */
export type Handler = (context: Context) => void | Promise<void>;
/** Wraps a handler. The first one given to a router is the outermost. */
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

  /** Registers a command's handler; `middlewares` are those of the router unless they are given. */
  handle(command: string, handler: Handler, middlewares = this.middlewares): void {
    this.handlers.set(command, compose(middlewares, handler));
  }

  /** Runs a request through its chain. An unknown command is answered with NotImplemented. */
  route(context: Context): void {
    const pending = (this.handlers.get(context.command) ?? this.unknown)(context);
    // The outermost middleware is `recover`, which never rejects: a refusal and a bug alike are answered there.
    if (pending !== undefined) void pending;
  }
}

function compose(middlewares: readonly Middleware[], handler: Handler): Handler {
  return middlewares.reduceRight((next, middleware) => middleware(next), handler);
}
