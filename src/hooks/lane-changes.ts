// The changes of a lane that are not saved yet, and saving them: one commit after the other, all that have come
// together. What could not be saved is saved with the next ones, before them.

import type { HookChange } from "../store/hooks.ts";

export class LaneChanges {
  private readonly commit: (changes: readonly HookChange[]) => Promise<boolean>;
  private unsaved: HookChange[] = [];
  private saving: Promise<unknown> = Promise.resolve();

  /** `commit`: see HookStore.save. */
  constructor(commit: (changes: readonly HookChange[]) => Promise<boolean>) {
    this.commit = commit;
  }

  get areSaved(): boolean {
    return this.unsaved.length === 0;
  }

  /** Adds changes, which the next `save` saves. */
  add(...changes: readonly HookChange[]): void {
    this.unsaved.push(...changes);
  }

  /** Saves all changes; false if this process may not deliver any longer. Rejects with StoreUnavailable. */
  save(...changes: readonly HookChange[]): Promise<boolean> {
    this.add(...changes);
    const saved = this.saving.then(() => this.flush());
    this.saving = saved.catch(() => undefined);
    return saved;
  }

  private async flush(): Promise<boolean> {
    const changes = this.unsaved;
    // Another call has saved them.
    if (changes.length === 0) return true;
    this.unsaved = [];
    try {
      return await this.commit(changes);
    } catch (error) {
      this.unsaved = [...changes, ...this.unsaved];
      throw error;
    }
  }
}
