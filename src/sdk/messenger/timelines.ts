// The open timelines of a client.

import type { Partner } from "./messenger-types.ts";
import { keyOf } from "./partner.ts";
import { LiveTimeline, type TimelineOwner } from "./timeline.ts";

export class Timelines {
  private readonly open = new Set<LiveTimeline>();

  /** Opens a timeline with the newest page. Rejects as requests do. */
  async start(owner: TimelineOwner, partner: Partner, limit: number): Promise<LiveTimeline> {
    const timeline = new LiveTimeline(owner, partner, limit, this.open);
    try {
      await timeline.reload(owner.ask);
    } catch (error) {
      timeline.close();
      throw error;
    }
    return timeline;
  }

  /** Those of a conversation. */
  of(partner: Partner): readonly LiveTimeline[] {
    const key = keyOf(partner);
    return [...this.open].filter((timeline) => keyOf(timeline.partner) === key);
  }

  /** Something has happened that will not be told: they must be read again. */
  spoil(): void {
    for (const timeline of this.open) timeline.isStale = true;
  }

  all(): Iterable<LiveTimeline> {
    return this.open;
  }
}
