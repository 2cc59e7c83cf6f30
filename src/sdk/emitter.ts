// Typed events. An exception in a handler, or the rejection of its promise, becomes an uncaught error and disturbs
// neither the other handlers nor the connection.

/** Handles an event. The promise that it may return resolves when the event has been processed. */
export type Handler<Event> = ((event: Event) => void) | ((event: Event) => PromiseLike<void>);

export type Handlers<Events> = { readonly [Name in keyof Events]?: Handler<Events[Name]> };

export class Emitter<Events> {
  private readonly handlers: { [Name in keyof Events]?: Set<Handler<Events[Name]>> } = {};

  constructor(initial: Handlers<Events> = {}) {
    for (const name in initial) {
      const handler = initial[name];
      if (handler !== undefined) this.on(name, handler);
    }
  }

  on<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): () => void {
    const handlers = (this.handlers[name] ??= new Set());
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  has(name: keyof Events): boolean {
    return (this.handlers[name]?.size ?? 0) > 0;
  }

  /**
   * Returns undefined if no handler returned a promise. Otherwise the promise resolves to true when all handlers have
   * processed the event, or to false if one of their promises rejected. Never rejects.
   */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): Promise<boolean> | undefined {
    let work: Promise<boolean>[] | undefined;
    for (const handler of this.handlers[name] ?? []) {
      try {
        const promise: unknown = handler(event);
        if (isPromise(promise)) (work ??= []).push(Promise.resolve(promise).then(() => true, surface));
      } catch (error) {
        surface(error);
      }
    }
    return work === undefined ? undefined : Promise.all(work).then((all) => all.every(Boolean));
  }
}

/** Accepts promises of other realms and libraries, too: zone.js makes an async function return its own. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Throws an error as an uncaught one; returns false. */
function surface(error: unknown): false {
  queueMicrotask(() => {
    throw error;
  });
  return false;
}
