// Shows a view again when something of the community is different.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { CommunityEvents } from "../../sdk/community/community.ts";
import { useChat } from "./context.ts";

/** Counts these events; what reads the number is shown again after each. The names are to be the same each time. */
export function useChanges(...names: readonly (keyof CommunityEvents)[]): number {
  const { community } = useChat();
  const count = useSignal(0);
  useEffect(() => {
    const endings = names.map((name) => community.on(name, () => void count.value++));
    return () => {
      for (const end of endings) end();
    };
  }, []);
  return count.value;
}
