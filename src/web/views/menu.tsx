// A button that opens a menu: arrows move in it, Escape closes it, and so does what leaves it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuItem {
  readonly label: string;
  /** Of a choice: whether it is the chosen one. */
  readonly isOn?: boolean;
  readonly act: () => void;
}

interface MenuProps {
  readonly label: string;
  readonly icon: IconName;
  readonly items: readonly MenuItem[];
  /** Stands above the items. */
  readonly children?: ComponentChildren;
}

export function Menu({ label, icon, items, children }: MenuProps) {
  const isOpen = useSignal(false);
  const whole = useRef<HTMLDivElement>(null);
  const buttons = (): HTMLElement[] => [...(whole.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  useLayoutEffect(() => {
    if (!isOpen.value) return;
    buttons()[0]?.focus();
    // In a pane that scrolls.
    whole.current?.querySelector(".menu-box")?.scrollIntoView({ block: "nearest" });
  }, [isOpen.value]);
  const close = (): void => {
    isOpen.value = false;
    whole.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!isOpen.value || (step === undefined && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (step === undefined) return close();
    const all = buttons();
    const at = all.findIndex((button) => button === document.activeElement);
    all[(at + step + all.length) % all.length]?.focus();
  };
  return (
    <div
      class="menu"
      ref={whole}
      onKeyDown={onKeyDown}
      onFocusOut={({ relatedTarget }) => {
        if (!(relatedTarget instanceof Node) || whole.current?.contains(relatedTarget) !== true) isOpen.value = false;
      }}
    >
      <button
        type="button"
        class="icon-button"
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        aria-label={label}
        title={label}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        <Icon name={icon} />
      </button>
      {isOpen.value && (
        <div class="menu-box">
          {children}
          <div role="menu" aria-label={label}>
            {items.map(({ label: text, isOn, act }) => (
              <button
                key={text}
                type="button"
                role={isOn === undefined ? "menuitem" : "menuitemradio"}
                aria-checked={isOn}
                tabIndex={-1}
                onClick={() => {
                  close();
                  act();
                }}
              >
                {text}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
