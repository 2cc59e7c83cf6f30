// Pieces of HTML of GET /docs. Texts are escaped here.

/** A table of rows of cells, which are HTML. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("");
  return `<table class="fields"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** Lines for a shell, with a button that copies them. */
export function codeBlock(lines: string): string {
  return `<div class="curl"><pre>${escapeHtml(lines)}</pre><button type="button" hidden>Copy</button></div>`;
}

/** A comment; an empty line ends a paragraph. */
export function paragraphs(comment: string): string {
  if (comment === "") return "";
  return comment
    .split("\n\n")
    .map((text) => `<p>${inline(text)}</p>`)
    .join("");
}

/** Sentences of a comment; what stands between backticks is code. */
export function inline(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
