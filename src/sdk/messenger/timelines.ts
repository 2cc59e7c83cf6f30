// The open timelines of a client, by conversation.

import type { Partner } from "./messenger-types.ts";
import { keyOf, namesOf } from "./partner.ts";
import { LiveTimeline, type TimelineOwner } from "./timeline.ts";

export class Timelines {
  private readonly open = new Map<string, Set<LiveTimeline>>();

  /** Opens a timeline with the newest page. Rejects as requests do. */
  async start(owner: Omit<TimelineOwner, "closed">, partner: Partner, limit: number): Promise<LiveTimeline> {
    const key = keyOf(partner);
    const ofKey = this.open.get(key) ?? new Set();
    this.open.set(key, ofKey);
    const closed = (timeline: LiveTimeline): void => {
      ofKey.delete(timeline);
      if (ofKey.size === 0 && this.open.get(key) === ofKey) this.open.delete(key);
    };
    const timeline = new LiveTimeline({ ...owner, closed }, namesOf(partner), limit);
    ofKey.add(timeline);
    try {
      await timeline.reload();
    } catch (error) {
      timeline.close();
      throw error;
    }
    return timeline;
  }

  /** Those of a conversation. */
  of(partner: Partner): Iterable<LiveTimeline> {
    return this.open.get(keyOf(partner)) ?? [];
  }

  *all(): Iterable<LiveTimeline> {
    for (const timelines of this.open.values()) yield* timelines;
  }
}
