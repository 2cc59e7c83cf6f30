// Typed events. A handler that throws is its author's bug: it surfaces as an uncaught error and disturbs neither the
// other handlers nor the connection. So does a promise of it that rejects.

/** What is called at an event; the promise that it may return says when it has done with the event. */
export type Handler<Event> = ((event: Event) => void) | ((event: Event) => PromiseLike<void>);

export type Handlers<Events> = { readonly [Name in keyof Events]?: Handler<Events[Name]> };

export class Emitter<Events> {
  private readonly handlers: { [Name in keyof Events]?: Set<Handler<Events[Name]>> } = {};

  /** Calls `handler` at every event of that name; returns what takes it away again. */
  on<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): () => void {
    const handlers = (this.handlers[name] ??= new Set());
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  /**
   * Returns a promise if a handler did: of true when all of them have done with the event, of false when one rejected.
   * Never rejects.
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

/** True for those of other realms and libraries, too: where zone.js is loaded an async function's is no `Promise`. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Makes an error an uncaught one. */
function surface(error: unknown): false {
  queueMicrotask(() => {
    throw error;
  });
  return false;
}
