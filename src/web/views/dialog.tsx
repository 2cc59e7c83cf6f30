// A dialog over the page: it keeps the focus, gives it back, and closes with Escape.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { texts } from "../texts/texts.ts";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const former = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (former instanceof HTMLElement) former.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div class="dialog">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface TextDialogProps {
  readonly title: string;
  readonly label: string;
  readonly action: string;
  readonly onClose: () => void;
  readonly onText: (text: string) => void;
}

/** Asks for a line of text that is not empty. */
export function TextDialog({ title, label, action, onClose, onText }: TextDialogProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = input.current?.value.trim() ?? "";
          if (text === "") return;
          onClose();
          onText(text);
        }}
      >
        <label>
          {label}
          <input ref={input} required autoComplete="off" autoCapitalize="off" spellcheck={false} />
        </label>
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            {texts().cancel}
          </button>
          <button>{action}</button>
        </div>
      </form>
    </Dialog>
  );
}
