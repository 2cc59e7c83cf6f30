// A node's copy of the keys in the store, by which requests are admitted. It is renewed by the requests themselves: a
// request is decided by what the store held less than a second before, so that a revoked key is refused within a second
// everywhere; without requests, nothing is read.
//
// Memory: an entry for each key; the store bounds their number.

import type { Clock } from "../../base/clock.ts";
import { apiKeysMax } from "../../base/limits/fixed.ts";
import type { ApiKeyStore, StoredApiKey } from "../../store/api-keys.ts";
import type { Store } from "../../store/store.ts";
import { type ApiKey, hashOfKey, isKeyText } from "./api-key.ts";

/** A copy of this age is renewed, while requests go on with it … */
const renewAfterMs = 300;
/** … one of this age says of no text that it is no key: it may have been made since … */
const unknownAfterMs = 50;
/** … and one of this age decides nothing any more: requests wait for the next. */
const copyMsMax = 800;
/** Of one read. */
const rowsMax = 1_000;

/** Finds the key of a request. */
export interface KeyRing {
  /** Undefined for a text that is no key, or an unknown or revoked one. Rejects with StoreUnavailable. */
  find(text: string): ApiKey | undefined | Promise<ApiKey | undefined>;
}

/** A key that the standalone server made for its operator: requests with it may leave out the app. */
interface LocalKey {
  readonly id: string;
  readonly defaultApp: string;
}

export class StoredKeyRing implements KeyRing {
  private readonly keys: Pick<ApiKeyStore, "after">;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly local: LocalKey | undefined;
  /** By their hashes; revoked ones are undefined. */
  private readonly byHash = new Map<string, { readonly version: bigint; readonly key: ApiKey | undefined }>();
  /** Those that were asked for lately, by their texts: saves the hash. Never more than there are keys. */
  private readonly byText = new Map<string, ApiKey>();
  /** The copy has all changes up to this one. */
  private version = 0n;
  /** When the read began by which the copy is; on the monotonic clock. */
  private asOfMs = -Infinity;
  private renewing: Promise<void> | undefined;
  /** How often the store was replaced: what was read before is not its. */
  private replacements = 0;

  constructor(store: Pick<Store, "backEnd" | "watchReplacement">, clock: Pick<Clock, "monotonicMs">, local?: LocalKey) {
    this.keys = store.backEnd.keys;
    this.clock = clock;
    this.local = local;
    store.watchReplacement(() => this.forget());
  }

  find(text: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    let known = this.byText.get(text);
    if (known === undefined && !isKeyText(text)) return undefined;
    const ageMs = this.clock.monotonicMs() - this.asOfMs;
    if (ageMs >= copyMsMax) return this.lookUpAfresh(text, copyMsMax);
    known ??= this.lookUp(text);
    if (known === undefined && ageMs >= unknownAfterMs) return this.lookUpAfresh(text, unknownAfterMs);
    // A store that is away is reported to the requests that have to wait for it.
    if (ageMs >= renewAfterMs) this.renew().catch(() => undefined);
    return known;
  }

  /** Takes a key that this node has just made or revoked. */
  changed(key: StoredApiKey): void {
    this.take(key);
  }

  private async lookUpAfresh(text: string, ageMsMax: number): Promise<ApiKey | undefined> {
    const arrivedMs = this.clock.monotonicMs();
    // One that is under way may have begun long ago.
    do await this.renew();
    while (arrivedMs - this.asOfMs >= ageMsMax);
    return this.lookUp(text);
  }

  private lookUp(text: string): ApiKey | undefined {
    const found = this.byHash.get(hashOfKey(text))?.key;
    if (found !== undefined) this.byText.set(text, found);
    return found;
  }

  private renew(): Promise<void> {
    this.renewing ??= this.read().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  private async read(): Promise<void> {
    for (let isMore = true; isMore;) {
      const beganMs = this.clock.monotonicMs();
      const { replacements } = this;
      const keys = await this.keys.after(this.version, rowsMax);
      if (replacements !== this.replacements) continue;
      for (const key of keys) this.take(key);
      this.version = keys.at(-1)?.version ?? this.version;
      isMore = keys.length === rowsMax;
      if (!isMore && this.byHash.size > apiKeysMax) {
        // The store has deleted some to make room, maybe before this node saw that they were revoked.
        this.forget();
        isMore = true;
      } else if (!isMore) this.asOfMs = beganMs;
    }
  }

  private take({ id, hash, app, scopes, name, revokedMs, version }: StoredApiKey): void {
    if ((this.byHash.get(hash)?.version ?? -1n) >= version) return;
    this.byText.clear();
    const defaultApp = id === this.local?.id ? this.local.defaultApp : undefined;
    const key = revokedMs > 0 ? undefined : { id, app, defaultApp, scopes: new Set(scopes), name };
    this.byHash.set(hash, { version, key });
  }

  private forget(): void {
    this.replacements++;
    this.byHash.clear();
    this.byText.clear();
    this.version = 0n;
    this.asOfMs = -Infinity;
  }
}
