// What was chosen for the next message: by a button, by pasting, by dropping it anywhere on the page.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Attachment, Tray } from "../state/tray.ts";
import { sizeOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { Icon } from "./icon.tsx";
import { IconButton } from "./icon-button.tsx";
import { Fault } from "./section.tsx";

export function AttachButton({ tray }: { readonly tray: Tray }) {
  const input = useRef<HTMLInputElement>(null);
  const { attach } = texts();
  if (!useChat().media.isKept.value) return null;
  return (
    <>
      <IconButton icon="clip" label={attach} onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          tray.add(currentTarget.files ?? []);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Takes the files of a paste. Other programs copy a text as a picture, too: then the text is pasted. */
export function pasteInto(tray: Tray, event: ClipboardEvent): void {
  const { files, types } = event.clipboardData ?? new DataTransfer();
  if (files.length === 0 || types.includes("text/plain")) return;
  event.preventDefault();
  tray.add(files);
}

export function Attachments({ tray }: { readonly tray: Tray }) {
  const t = texts();
  const { media } = useChat();
  const isOver = useSignal(false);
  useLayoutEffect(() => {
    const end = new AbortController();
    const onDrag = (event: DragEvent): void => {
      const { type, dataTransfer, relatedTarget } = event;
      if (dataTransfer?.types.includes("Files") !== true) return;
      // Else the browser would leave the page for the file.
      event.preventDefault();
      if (!media.isKept.peek()) return void (dataTransfer.dropEffect = "none");
      // From one element to another, within the page.
      if (type === "dragleave" && relatedTarget !== null) return;
      isOver.value = type === "dragover";
      if (type === "drop") tray.add(dataTransfer.files);
    };
    for (const type of ["dragover", "dragleave", "drop"] as const) addEventListener(type, onDrag, end);
    return () => end.abort();
  }, [tray]);
  return (
    <>
      {isOver.value && <p class="drop-hint">{t.attach}</p>}
      <Fault of={tray.isFull.value ? t.tooMany : ""} />
      {tray.items.value.length > 0 && (
        <ul class="tray" aria-label={t.chosen}>
          {tray.items.value.map((item) => (
            <Chosen key={item} item={item} tray={tray} />
          ))}
        </ul>
      )}
      {tray.isWaiting.value && <p role="status">{t.sendsThen}</p>}
    </>
  );
}

function Chosen({ item, tray }: { readonly item: Attachment; readonly tray: Tray }) {
  const t = texts();
  const { file, fault, media, preview, progress } = item;
  return (
    <li class="entry file">
      {preview.value === "" ? <Icon name="file" /> : <img src={preview} alt="" />}
      <div class="entry-text">
        <bdi>{file.name}</bdi>
        <small>{sizeOf(file.size)}</small>
        <Fault of={fault}>
          {" "}
          <button type="button" class="text-button" onClick={() => void tray.upload(item)}>
            {t.retry}
          </button>
        </Fault>
        {fault.value === "" && media.value === undefined && <progress value={progress} aria-label={file.name} />}
      </div>
      <IconButton icon="close" label={t.remove} of={file.name} onClick={() => tray.remove(item)} />
    </li>
  );
}
