// A part of the details of a conversation.

import type { ReadonlySignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface SectionProps {
  readonly title?: string;
  readonly children: ComponentChildren;
}

export function Section({ title, children }: SectionProps) {
  return (
    <section>
      {title !== undefined && <h3>{title}</h3>}
      {children}
    </section>
  );
}

interface FaultProps {
  /** '' shows nothing. */
  readonly of: ReadonlySignal<string> | string;
  readonly children?: ComponentChildren;
}

/** Why something failed, where it did. */
export function Fault({ of, children }: FaultProps) {
  if ((typeof of === "string" ? of : of.value) === "") return null;
  return (
    <p class="fault" role="alert">
      {of}
      {children}
    </p>
  );
}
