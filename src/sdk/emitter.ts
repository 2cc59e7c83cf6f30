// Typed events. A handler that throws is its author's bug: it surfaces as an uncaught error and disturbs neither the
// other handlers nor the connection.

export type Handlers<Events> = { readonly [Name in keyof Events]?: (event: Events[Name]) => void };

export class Emitter<Events> {
  private readonly handlers: { [Name in keyof Events]?: Set<(event: Events[Name]) => void> } = {};

  /** Calls `handler` at every event of that name; returns what takes it away again. */
  on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): () => void {
    const handlers = (this.handlers[name] ??= new Set());
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const handler of this.handlers[name] ?? []) {
      try {
        handler(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
