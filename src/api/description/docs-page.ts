// GET /docs: one page with every method of the HTTP API, its fields, errors and a line of curl, made from the
// descriptors. It loads nothing: style and script are in it, and its policy names them by their hashes.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { curlLine } from "./curl-line.ts";
import { codeBlock, escapeHtml, inline, paragraphs, table } from "./docs-html.ts";
import { docsScript } from "./docs-script.ts";
import { docsStyle } from "./docs-style.ts";
import { webhookSection } from "./docs-webhooks.ts";
import { commonErrors, otherError } from "./errors.ts";
import {
  type ApiMethod,
  type ApiService,
  apiServices,
  boundsOf,
  commentOf,
  commentOfField,
  messagesOf,
} from "./methods.ts";
import { overview } from "./overview.ts";
import { typeTextOf } from "./type-text.ts";

const hashOf = (text: string): string => `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`;

/** The Content-Security-Policy of the page. */
export const docsPolicy = [
  "default-src 'none'",
  `style-src ${hashOf(docsStyle)}`,
  `script-src ${hashOf(docsScript)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page. `origin`: how the reader reaches the server, `http://host:port`. */
export function docsPage(version: string, origin: string): string {
  const methods = apiServices.flatMap((service) => service.methods);
  const own = new Set<DescMessage>(methods.flatMap(({ desc }) => [desc.input, desc.output]));
  const types = [...messagesOf(methods)].filter((message) => !own.has(message) || isShared(message, methods));
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>Roost: API for back ends</title><style>${docsStyle}</style></head><body>`,
    '<a class="skip" href="#content">Skip to the content</a><div class="frame">',
    navigation(version),
    '<main id="content"><h1>API for back ends</h1>',
    "<p>What a back end does with this messenger: it sends messages, keeps groups, issues tokens, and is told what " +
      'happens. The same as <a href="openapi.json">OpenAPI 3.1</a>.</p>',
    start(origin),
    topicList(),
    ...apiServices.map((service) => serviceSection(service, origin, types)),
    webhookSection(),
    '<h2 id="types">Types</h2>',
    ...types.map(typeArticle),
    '<h2 id="errors">Errors of every method</h2>',
    errorTable([...commonErrors].map(([code, { status, meaning }]) => ({ code, status, meaning }))),
    `</main></div><script>${docsScript}</script></body></html>`,
  ].join("\n");
}

/** A message of several methods, or in others, stands once, among the types. */
function isShared(message: DescMessage, methods: readonly ApiMethod[]): boolean {
  const isPart = [...messagesOf(methods)].some(({ fields }) => fields.some((field) => field.message === message));
  return isPart || methods.filter(({ desc }) => desc.output === message).length > 1;
}

function navigation(version: string): string {
  const sections = apiServices.map(
    ({ name, methods }) =>
      `<section><h2>${name}</h2><ul>${methods
        .map(
          (method) =>
            `<li title="${escapeHtml(method.comment)}"><a href="#${idOf(method)}">${method.desc.name}</a></li>`,
        )
        .join("")}</ul></section>`,
  );
  return [
    `<nav aria-label="Methods"><p class="brand">Roost</p><p class="meta">API for back ends, ${escapeHtml(version)}</p>`,
    '<div class="bar"><button id="theme" type="button" hidden>Theme: auto</button></div>',
    "<details open><summary>Methods</summary>",
    '<p><input id="find" type="search" placeholder="Find a method" aria-label="Find a method" hidden></p>',
    `${sections.join("")}<p id="none" class="none" hidden>No method has these words.</p>`,
    `<section><h2>More</h2><ul>${["Webhooks", "Types", "Errors"].map(placeLink).join("")}</ul></section>`,
    "</details></nav>",
  ].join("\n");
}

function topicList(): string {
  const topics = overview.map(({ title, text }) => `<dt>${escapeHtml(title)}</dt><dd>${inline(text)}</dd>`);
  return `<dl class="topics">${topics.join("")}</dl>`;
}

function placeLink(place: string): string {
  return `<li><a href="#${place.toLowerCase()}">${place}</a></li>`;
}

function start(origin: string): string {
  const send = apiServices[0]?.methods[0];
  if (send === undefined) return "";
  const lines = `export ROOST_KEY=$(cat data/api-key)\n${curlLine(send, origin)}`;
  return (
    "<p>On the machine of a standalone server, the key is a file in its data folder. With this, the system writes to " +
    `bob:</p>${codeBlock(lines)}`
  );
}

function serviceSection({ name, comment, methods }: ApiService, origin: string, types: readonly DescMessage[]): string {
  return [
    `<h2 id="${name}">${name}</h2><p>${inline(comment)}</p>`,
    ...methods.map((method) => methodArticle(method, origin, types)),
  ].join("\n");
}

function methodArticle(method: ApiMethod, origin: string, types: readonly DescMessage[]): string {
  const { name, comment, scope, errors, needs, isStream, desc } = method;
  const answer = types.includes(desc.output)
    ? `<p>${typeLink(desc.output)}</p>`
    : `${about(desc.output)}${fieldTable(desc.output)}`;
  return [
    `<article id="${idOf(method)}"><h3><a href="#${idOf(method)}">${name}</a></h3>`,
    paragraphs(comment),
    `<div class="facts"><span>Scope <code>${escapeHtml(scope)}</code></span>`,
    needs === "" ? "" : `<span class="needs">The example needs ${escapeHtml(needs)}</span>`,
    "</div>",
    codeBlock(curlLine(method, origin)),
    isStream ? `<p>Or, as lines: <code>roost api ${escapeHtml(`${name} '${method.example}'`)}</code></p>` : "",
    `<h4>Request</h4>${about(desc.input)}${fieldTable(desc.input)}`,
    `<h4>${isStream ? "Answer: a stream" : "Answer"}</h4>${answer}`,
    errors.length === 0 ? "" : "<h4>Errors of its own</h4>",
    errors.length === 0 ? "" : errorTable(errors.map((code) => ({ code, ...otherError(code) }))),
    "</article>",
  ].join("\n");
}

function typeArticle(message: DescMessage): string {
  return `<article id="type-${message.name}"><h3>${message.name}</h3>${about(message)}${fieldTable(message)}</article>`;
}

function about(message: DescMessage): string {
  return paragraphs(commentOf(message.typeName));
}

function fieldTable({ fields }: DescMessage): string {
  if (fields.length === 0) return '<p class="none">No fields.</p>';
  const rows = fields.map((field) => {
    const mark = boundsOf(field).isRequired ? ' <span class="required">required</span>' : "";
    return [`<code>${field.jsonName}</code>${mark}`, typeCell(field), inline(commentOfField(field))];
  });
  return table(["Field", "Type", "Meaning"], rows);
}

function typeCell(field: DescField): string {
  const text = escapeHtml(typeTextOf(field));
  return field.message === undefined ? text : text.replace(field.message.name, typeLink(field.message));
}

function errorTable(
  errors: readonly { readonly code: string; readonly status: number; readonly meaning: string }[],
): string {
  const rows = errors.map(({ code, status, meaning }) => [`<code>${code}</code>`, `HTTP ${status}`, inline(meaning)]);
  return table(["Code", "Status", "Meaning"], rows);
}

const idOf = ({ name }: ApiMethod): string => name.replace("/", ".");
const typeLink = ({ name }: DescMessage): string => `<a href="#type-${name}">${name}</a>`;
