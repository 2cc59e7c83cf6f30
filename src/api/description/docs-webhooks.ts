// The part of GET /docs about webhooks.

import { escapeHtml, inline, table } from "./docs-html.ts";
import { askedEvents, type DescribedEvent, toldEvents, webhookTexts } from "./events.ts";

/** What endpoints are told and asked. */
export function webhookSection(): string {
  return [
    '<h2 id="webhooks">Webhooks</h2>',
    ...webhookTexts.map((text) => `<p>${inline(text)}</p>`),
    ...[...toldEvents, ...askedEvents].map(eventArticle),
  ].join("\n");
}

function eventArticle({ type, when, fields }: DescribedEvent): string {
  const rows = fields.map(({ name, type: kind, meaning, isOptional }) => [
    `<code>${name}</code>`,
    isOptional === true ? `${kind}, if there is one` : kind,
    inline(meaning),
  ]);
  const id = `event-${type}`;
  return [
    `<article id="${id}"><h3><a href="#${id}">${escapeHtml(type)}</a></h3><p>${inline(when)}</p>`,
    `${table(["Field of data", "Type", "Meaning"], rows)}</article>`,
  ].join("\n");
}
