// The days between messages: a message shows only a time, so that a line with the date stands before the first one of
// another day.

const formatted = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export class DayLines {
  private last: string;

  /** `now`: milliseconds since 1970. Messages of this day need no date until others were shown. */
  constructor(now: number) {
    this.last = dayOf(now);
  }

  /** Returns the lines that stand before a message, by its time in nanoseconds: at most one. */
  before(sendTime: bigint): string[] {
    const day = dayOf(Number(sendTime / 1_000_000n));
    if (day === this.last) return [];
    this.last = day;
    return [`* ${day}`];
  }
}

/** Formats `Friday, 27 November 2026`, in the local time zone. */
function dayOf(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? "a day that does not exist" : formatted.format(time);
}
