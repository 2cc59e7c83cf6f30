// Formats limits for a person (`1,000`, `1 MiB`, `10 s`) and for an option (`1000`, `1MiB`, `10s`).

import { gib, kib, type LimitUnit, mib } from "./limit.ts";

interface Step {
  readonly size: number;
  readonly unit: string;
}

const steps: Readonly<Record<LimitUnit, readonly Step[]>> = {
  count: [{ size: 1, unit: "" }],
  bytes: [
    { size: gib, unit: "GiB" },
    { size: mib, unit: "MiB" },
    { size: kib, unit: "KiB" },
    { size: 1, unit: "" },
  ],
  ms: [
    { size: 86_400_000, unit: "d" },
    { size: 3_600_000, unit: "h" },
    { size: 60_000, unit: "m" },
    { size: 1_000, unit: "s" },
    { size: 1, unit: "ms" },
  ],
};

/** Formats a value for a person, in the largest unit that divides it. */
export function shownValue(value: number, unit: LimitUnit): string {
  const step = wholeStep(value, unit);
  const digits = (value / step.size).toLocaleString("en-US");
  if (step.unit !== "") return `${digits} ${step.unit}`;
  return unit === "bytes" ? `${digits} bytes` : digits;
}

/** Formats a use for a person, rounded to three digits. */
export function shownUse(use: number, unit: LimitUnit): string {
  if (unit !== "bytes" || use < kib) return shownValue(Math.round(use), unit);
  const step = steps.bytes.find(({ size }) => use >= size);
  const scaled = use / (step?.size ?? 1);
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${step?.unit ?? ""}`;
}

/** Formats a value for `--limit`. */
export function writtenValue(value: number, unit: LimitUnit): string {
  const step = wholeStep(value, unit);
  return `${value / step.size}${step.unit}`;
}

function wholeStep(value: number, unit: LimitUnit): Step {
  const whole = steps[unit].find(({ size }) => value >= size && value % size === 0);
  return whole ?? steps[unit].at(-1) ?? { size: 1, unit: "" };
}
