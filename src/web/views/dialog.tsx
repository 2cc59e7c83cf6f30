// A dialog over the page: it keeps the focus, gives it back, and closes with Escape.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { errorOf } from "../../sdk/client-errors.ts";
import { texts } from "../texts/texts.ts";
import { Fault } from "./section.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
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
      // What is behind it does not close with it.
      onKeyDown={(event) => event.stopPropagation()}
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

/** What a form asks for: a line, several lines, a number from 1, whether, or one of several texts by its value. */
interface FormField {
  readonly name: string;
  readonly label: string;
  readonly value?: string | undefined;
  readonly kind?: "text" | "check" | "number" | Readonly<Record<string, string>>;
  readonly isRequired?: boolean;
}

export interface Form {
  readonly title: string;
  readonly action: string;
  /** What it will do to whom. */
  readonly hint?: string;
  readonly fields?: readonly FormField[];
  /** Gets the trimmed text of a field by its name, of a check `on` or ''. If it rejects, the form says why. */
  readonly onSubmit: (of: (name: string) => string) => unknown;
}

interface FormDialogProps {
  readonly form: Form;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks for values, or for a confirmation if it has no fields. */
export function FormDialog({ form, onClose, children }: FormDialogProps) {
  const { title, action, hint, fields = [], onSubmit } = form;
  const fault = useSignal("");
  const submit = async (data: FormData): Promise<void> => {
    const of = (name: string): string => {
      const value = data.get(name);
      return typeof value === "string" ? value.trim() : "";
    };
    if (fields.some(({ name, isRequired }) => isRequired === true && of(name) === "")) return;
    try {
      const work = onSubmit(of);
      if (work instanceof Promise) await work;
      onClose();
    } catch (error) {
      fault.value = errorOf(error).message;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        {hint !== undefined && <p>{hint}</p>}
        {fields.map((field) => (
          <label key={field.name} class={field.kind === "check" ? "check" : ""}>
            {field.label}
            <Field {...field} />
          </label>
        ))}
        <Fault of={fault} />
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            {texts().cancel}
          </button>
          <button>{action}</button>
        </div>
      </form>
      {children}
    </Dialog>
  );
}

function Field({ name, value = "", kind, isRequired = false }: FormField) {
  if (kind === "text") return <textarea name={name} rows={3} defaultValue={value} dir="auto" />;
  if (kind === "check") return <input type="checkbox" name={name} defaultChecked={value !== ""} />;
  const line = { name, defaultValue: value, required: isRequired, autoComplete: "off", autoCapitalize: "off" } as const;
  if (kind === "number") return <input type="number" min="1" {...line} />;
  if (kind === undefined) return <input {...line} spellcheck={false} />;
  return (
    <select name={name}>
      {Object.entries(kind).map(([choice, label]) => (
        <option key={choice} value={choice} selected={choice === value}>
          {label}
        </option>
      ))}
    </select>
  );
}
