// A button with an icon alone: its name is said to a screen reader, and shown to who points at it.

import type { Ref } from "preact";
import { Icon, type IconName } from "./icon.tsx";

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  /** What its name leaves to the place where it stands. */
  readonly of?: string;
  /** A further class. */
  readonly class?: string;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon, label, onClick, of = "", class: more = "", ref = null }: IconButtonProps) {
  return (
    <button
      ref={ref}
      type="button"
      class={`icon-button ${more}`}
      aria-label={`${label} ${of}`.trim()}
      title={label}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
