// Makes, lists and revokes keys, for operators and for back ends. A back end's own key bounds what it may grant: no key
// makes one with an app or a scope that it lacks.

import { apiKeysMax, apiKeysPerAppMax } from "../../base/limits/fixed.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { Refusal } from "../../service/refusal.ts";
import type { ApiKeyStore, StoredApiKey } from "../../store/api-keys.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import { allApps, type ApiKey, faultOfKey, type KeyWish, newKey, permits } from "./api-key.ts";
import type { StoredKeyRing } from "./key-ring.ts";

interface Parts {
  readonly keys: ApiKeyStore;
  readonly random: Random;
  readonly log: Log;
  /** Of this node: what is changed here is in force here at once. */
  readonly ring?: Pick<StoredKeyRing, "changed"> | undefined;
}

/** A key that was made, and its text, which nobody is told again. */
interface MadeKey {
  readonly text: string;
  readonly key: StoredApiKey;
}

/** `by`: the key of the back end that asks; undefined: an operator. Rejects with a Refusal, and StoreUnavailable. */
export class KeyDesk {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  async create(wish: KeyWish, by?: ApiKey): Promise<MadeKey> {
    const fault = faultOfKey(wish);
    if (fault !== undefined) throw new Refusal(Status.InvalidPacketBody, fault);
    if (by !== undefined) {
      requireGrantable(wish, by);
      await this.requireRoom(by);
    }
    const { keys, random, ring, log } = this.parts;
    const { text, draft } = newKey(wish, random);
    const outcome = await keys.create(draft);
    if (outcome.result === "full")
      throw new Refusal(Status.RateLimited, `${apiKeysMax} keys are in force already; revoke those that nobody uses`);
    const { key } = outcome;
    ring?.changed(key);
    const { id, app, scopes, name } = key;
    log.info("a key of the API was made", { id, app, scopes: scopes.join(","), name, ...madeBy(by) });
    return { text, key };
  }

  private async requireRoom({ app }: ApiKey): Promise<void> {
    if (app === allApps) return;
    const all = await this.parts.keys.after(0n, apiKeysMax);
    if (all.filter((key) => key.app === app && key.revokedMs === 0).length >= apiKeysPerAppMax)
      throw new Refusal(
        Status.RateLimited,
        `${apiKeysPerAppMax} keys of the app are in force already; revoke those that nobody uses`,
      );
  }

  /** The keys of the app, or of all apps (`*`), in the order of their ids, revoked ones too. */
  async list(app: string, by?: ApiKey): Promise<readonly StoredApiKey[]> {
    if (by !== undefined) requireApp(app, by);
    const all = await this.parts.keys.after(0n, apiKeysMax);
    return all
      .filter((key) => app === allApps || key.app === app)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  async revoke(id: string, by?: ApiKey): Promise<StoredApiKey> {
    const { keys, ring, log } = this.parts;
    if (by !== undefined) {
      const known = (await keys.after(0n, apiKeysMax)).find((key) => key.id === id);
      // Whose it is, or whether there is one, is none of its business.
      if (known === undefined || (by.app !== allApps && known.app !== by.app)) throw noSuchKey();
    }
    const key = await keys.revoke(id);
    if (key === undefined) throw noSuchKey();
    ring?.changed(key);
    log.info("a key of the API was revoked", { id, app: key.app, name: key.name, ...madeBy(by) });
    return key;
  }
}

function noSuchKey(): Refusal {
  return new Refusal(Status.NotFound, "there is no key of that id; expected one that the list of keys shows");
}

function madeBy(by: ApiKey | undefined): { readonly by: string } {
  return { by: by === undefined ? "an operator" : by.id };
}

function requireApp(app: string, by: ApiKey): void {
  if (by.app === allApps || by.app === app) return;
  throw new Refusal(Status.Forbidden, `the key is for the app ${by.app}: it knows no keys of other apps`);
}

function requireGrantable({ app, scopes }: KeyWish, by: ApiKey): void {
  if (by.app !== allApps && by.app !== app)
    throw new Refusal(Status.Forbidden, `the key is for the app ${by.app}, and makes keys for no other app`);
  const lacking = scopes.find((scope) => !permits(by.scopes, scope));
  if (lacking !== undefined)
    throw new Refusal(Status.Forbidden, `the key lacks the scope ${lacking}, and makes no key that has it`);
}
