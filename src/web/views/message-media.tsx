// The pictures and files of a message. A picture has its room before it is there. What is shown as one is decoded
// from a Blob whose type its content says: everything else, SVG and HTML among it, is only saved.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { errorOf } from "../../sdk/client-errors.ts";
import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import type { MessageFile } from "../state/media.ts";
import { type PictureSize, sizesIn } from "../state/picture-size.ts";
import { sizeOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icon.tsx";
import { Fault } from "./section.tsx";

const isPicture = /^image\/(?:png|jpeg|gif|webp)$/;
/** The bounds on a picture in the list, in pixels, and the room of one whose size nobody has said. */
const shownMax = 320;
const sideMin = 48;
const unknown: PictureSize = [240, 180];
/** The side of one of several: two fit beside each other on a phone. */
const severalSide = 132;
/** What the list shows without being asked, in bytes. */
const shownBytesMax = 8 * 1024 * 1024;
/** Who scrolls past a picture does not load it. In milliseconds. */
const passingMs = 150;

export function MessageMedia({ message: { id: messageId, media, extra } }: { readonly message: ChatMessage }) {
  const sizes = useMemo(() => sizesIn(extra), [extra]);
  const isAlone = media.length === 1;
  return (
    <ul class="media">
      {media.map((file, at) => (
        <li key={file.id}>
          {isPicture.test(file.type) ? (
            <Picture messageId={messageId} file={file} size={sizes[at] ?? unknown} isAlone={isAlone} />
          ) : (
            <FileLine messageId={messageId} file={file} />
          )}
        </li>
      ))}
    </ul>
  );
}

interface PictureProps extends MessageFile {
  readonly size: PictureSize;
  readonly isAlone: boolean;
}

function Picture({ messageId, file, size, isAlone }: PictureProps) {
  const { media } = useChat();
  const url = useSignal(media.known(file));
  useLayoutEffect(() => {
    if (messageId === 0n || url.peek() !== undefined || file.size > shownBytesMax) return undefined;
    const load = (): void => {
      // What cannot be had is said when it is opened.
      media.picture({ messageId, file }).then(
        (found) => (url.value = found),
        () => undefined,
      );
    };
    const timer = setTimeout(load, passingMs);
    return () => clearTimeout(timer);
  }, [messageId, file.id]);
  const scale = Math.min(1, shownMax / Math.max(...size));
  const [width, height] = size.map((side) => (isAlone ? Math.max(sideMin, Math.round(side * scale)) : severalSide));
  return (
    <button
      type="button"
      class="picture"
      style={{ width: `${width}px`, aspectRatio: `${width} / ${height}` }}
      aria-label={file.name}
      title={file.name}
      disabled={messageId === 0n}
      onClick={() => (media.shown.value = { messageId, file })}
    >
      {url.value === undefined ? <Icon name="file" /> : <img src={url.value} alt="" />}
    </button>
  );
}

function FileLine({ messageId, file }: MessageFile) {
  const { fault, save } = useSaving({ messageId, file });
  return (
    <button type="button" class="entry file" title={texts().save} disabled={messageId === 0n} onClick={save}>
      <Icon name="file" />
      <span class="entry-text">
        <bdi>{file.name}</bdi>
        <small>{fault === "" ? sizeOf(Number(file.size)) : fault}</small>
      </span>
    </button>
  );
}

/** Saves a file under its name, and tries other work; `fault` says why the last of it failed. */
function useSaving({ messageId, file }: MessageFile) {
  const { media } = useChat();
  const fault = useSignal("");
  const attempt = (work: () => Promise<void>): void => {
    fault.value = "";
    work().catch((error: unknown) => (fault.value = errorOf(error).message));
  };
  const save = async (): Promise<void> => {
    const { url } = await media.files.address(messageId, file);
    const link = document.createElement("a");
    // Of another origin, what the browser shows is shown in another tab.
    Object.assign(link, { href: url, download: file.name, target: "_blank", rel: "noopener" });
    link.click();
  };
  return { fault: fault.value, attempt, save: () => attempt(save) };
}

/** The picture that was opened, as large as the window. */
export function PictureDialog() {
  const { media } = useChat();
  const { value: shown } = media.shown;
  return shown && <Opened {...shown} />;
}

function Opened(shown: MessageFile) {
  const t = texts();
  const { media } = useChat();
  const url = useSignal<string | undefined>(undefined);
  const { fault, attempt, save } = useSaving(shown);
  const close = (): void => void (media.shown.value = undefined);
  useLayoutEffect(() => {
    attempt(async () => {
      url.value = await media.picture(shown);
      if (url.value === undefined) throw new Error(t.notAPicture);
    });
    // With the conversation, too.
    return close;
  }, []);
  return (
    <Dialog title={shown.file.name} onClose={close}>
      <div class="opened" aria-busy={url.value === undefined && fault === ""}>
        {url.value !== undefined && <img src={url.value} alt={shown.file.name} />}
        <Fault of={fault} />
      </div>
      <div class="buttons">
        <button type="button" class="quiet" onClick={save}>
          {t.save}
        </button>
        <button type="button" onClick={close}>
          {t.close}
        </button>
      </div>
    </Dialog>
  );
}
