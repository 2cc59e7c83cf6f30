// The order in which an account's own state is told (ConversationStore.accountState), for any engine: everything that
// has a version of its own, merged by version.

import { hideIdsMax } from "../base/limits/fixed.ts";
import type { AccountState, BlockState, ConsentState, Profile, SettingState } from "./conversations.ts";
import { idMax } from "./snowflake.ts";

/** What an engine has read of an account's state above `since`, each list in the order of versions. */
interface StateRows {
  /** The store's last id. */
  readonly last: bigint;
  readonly since: bigint;
  /** At most limit + 1 of them, as of blocks. */
  readonly settings: readonly SettingState[];
  readonly blocks: readonly BlockState[];
  readonly consent: ConsentState;
  readonly profile: Profile;
  /** At most `hiddenCount(limit)` of them. */
  readonly hidden: readonly { readonly id: bigint; readonly version: bigint }[];
}

/**
 * How many hidden messages to read. One request hides many messages with one version, which must not be cut: those of
 * the last version are left to the next page.
 */
export function hiddenCount(limit: number): number {
  return 2 * Math.max(limit, hideIdsMax) + 1;
}

/** Settings, blocks, the consent and the profile count against `limit` together. */
export function mergedState(rows: StateRows, limit: number): AccountState {
  const { last, since, settings, blocks, consent, profile, hidden } = rows;
  const versions = [...settings, ...blocks, ...[consent, profile].filter(({ version }) => version > since)]
    .map(({ version }) => version)
    .toSorted((one, two) => (one < two ? -1 : 1));
  const settingsEnd = versions.length > limit ? (versions[limit - 1] ?? idMax) : idMax;
  const hiddenEnd = hidden.length >= hiddenCount(limit) ? (hidden.at(-1)?.version ?? idMax) - 1n : idMax;
  const end = settingsEnd < hiddenEnd ? settingsEnd : hiddenEnd;
  const isTold = ({ version }: { readonly version: bigint }): boolean => version > since && version <= end;
  return {
    version: end === idMax ? last : end,
    settings: settings.filter(isTold),
    hiddenMessages: hidden.filter(isTold).map(({ id }) => id),
    hasMore: end !== idMax,
    blocks: blocks.filter(isTold),
    ...(isTold(consent) && { consent }),
    ...(isTold(profile) && { profile }),
  };
}
