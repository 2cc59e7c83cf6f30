// Several changes of one turn are told together.

import type { Environment } from "./environment.ts";

export class OnceATurn<Key> {
  private readonly environment: Environment;
  private readonly tell: (keys: ReadonlySet<Key>) => void;
  private keys: Set<Key> | undefined;

  constructor(environment: Environment, tell: (keys: ReadonlySet<Key>) => void) {
    this.environment = environment;
    this.tell = tell;
  }

  /** Has `tell` called with the key, and others, after this turn. */
  add(key: Key): void {
    if (this.keys === undefined) {
      const keys = new Set<Key>();
      this.keys = keys;
      this.environment.after(0, () => {
        this.keys = undefined;
        this.tell(keys);
      });
    }
    this.keys.add(key);
  }
}
