// The style of GET /docs, which is in the page itself: no request goes elsewhere. A grid of 4 px, two weights, eight
// colours for light and eight for dark.

const light = `
  --page: oklch(99% 0.003 250); --panel: oklch(96.5% 0.006 250); --line: oklch(88% 0.01 250);
  --text: oklch(25% 0.02 250); --quiet: oklch(46% 0.02 250); --accent: oklch(48% 0.16 255);
  --accent-soft: oklch(94% 0.03 255); --code: oklch(97% 0.006 250); --mark: oklch(45% 0.13 30);`;

const dark = `
  --page: oklch(19% 0.012 250); --panel: oklch(22.5% 0.014 250); --line: oklch(34% 0.016 250);
  --text: oklch(93% 0.008 250); --quiet: oklch(73% 0.014 250); --accent: oklch(78% 0.11 250);
  --accent-soft: oklch(29% 0.05 255); --code: oklch(23.5% 0.014 250); --mark: oklch(80% 0.1 40);`;

/** The style sheet. */
export const docsStyle = `
:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { ${dark} } }
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; ${dark} }
* { box-sizing: border-box; }
html { scroll-padding-top: 16px; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/21px system-ui, sans-serif; }
a { color: var(--accent); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 16px; top: 16px; background: var(--page); padding: 8px; z-index: 1; }
code, pre { font: 13px/20px ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace; }
p code, li code, td code, dd code {
  background: var(--code); border-radius: 4px; padding: 0 4px; overflow-wrap: anywhere;
}
.frame { display: grid; grid-template-columns: 264px minmax(0, 1fr); max-width: 1280px; margin: 0 auto; }
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 24px 16px;
  border-right: 1px solid var(--line);
}
nav .brand { font-size: 18px; line-height: 24px; font-weight: 600; margin: 0 8px 4px; }
nav .meta { margin: 0 8px 16px; color: var(--quiet); font-size: 13px; line-height: 18px; }
nav h2 { margin: 16px 8px 4px; font-size: 12px; line-height: 16px; font-weight: 600; color: var(--quiet); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a {
  display: block; padding: 4px 8px; border-radius: 4px; color: var(--text); text-decoration: none;
  font-size: 13px; line-height: 18px;
}
nav li a:hover { background: var(--accent-soft); }
nav summary { display: none; }
input[type="search"] {
  width: 100%; font: inherit; font-size: 16px; padding: 8px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--page); color: inherit;
}
.bar { margin: 0 8px 12px; }
button {
  font: inherit; font-size: 13px; line-height: 18px; color: var(--text); background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px; padding: 6px 12px; cursor: pointer;
}
button:hover { border-color: var(--accent); }
main { padding: 24px 32px 96px; min-width: 0; }
h1 { font-size: 24px; line-height: 32px; font-weight: 600; margin: 0 0 8px; }
main h2 {
  font-size: 18px; line-height: 24px; font-weight: 600; margin: 48px 0 8px; padding-top: 16px;
  border-top: 1px solid var(--line);
}
main h3 { font-size: 15px; line-height: 21px; font-weight: 600; margin: 0 0 4px; }
main h4 { font-size: 13px; line-height: 18px; font-weight: 600; margin: 16px 0 4px; }
p { margin: 0 0 8px; max-width: 68ch; }
dl.topics { display: grid; grid-template-columns: 136px minmax(0, 68ch); gap: 8px 16px; margin: 24px 0 0; }
dl.topics dt { font-weight: 600; }
dl.topics dd { margin: 0; }
article { padding: 24px 0 8px; border-top: 1px solid var(--line); scroll-margin-top: 8px; }
h2 + p + article, h2 + article { border-top: 0; padding-top: 8px; }
article h3 a { color: inherit; text-decoration: none; }
article h3 a:hover { text-decoration: underline; }
.facts {
  display: flex; flex-wrap: wrap; gap: 4px 16px; color: var(--quiet); font-size: 13px; line-height: 18px;
  margin: 4px 0 8px;
}
.curl {
  position: relative; margin: 8px 0; background: var(--code); border: 1px solid var(--line);
  border-radius: 8px;
}
.curl pre { margin: 0; padding: 12px 88px 12px 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
.curl button { position: absolute; top: 4px; right: 4px; min-height: 36px; }
.needs { color: var(--mark); }
.fields { width: 100%; border-collapse: collapse; font-size: 13px; line-height: 18px; }
.fields th { text-align: left; font-weight: 600; color: var(--quiet); font-size: 12px; line-height: 16px; }
.fields th, .fields td { padding: 4px 16px 4px 0; border-top: 1px solid var(--line); vertical-align: top; }
.fields td:nth-child(1) { width: 20%; overflow-wrap: anywhere; }
.fields td:nth-child(2) { width: 26%; color: var(--quiet); }
.required { color: var(--mark); font-weight: 600; }
.none { color: var(--quiet); font-size: 13px; line-height: 18px; }
[hidden] { display: none !important; }
@media (max-width: 860px) {
  .frame { display: block; }
  nav {
    position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 16px;
  }
  nav summary { display: list-item; cursor: pointer; padding: 10px 8px; margin-top: 8px; font-weight: 600; }
  nav li a { padding: 11px 8px; }
  main { padding: 16px 16px 64px; }
  dl.topics { display: block; }
  dl.topics dd { margin: 0 0 12px; }
  button { min-height: 40px; }
  .curl pre { padding: 12px; }
  .curl button { position: static; margin: 0 8px 8px; }
  .fields thead { display: none; }
  .fields, .fields tbody, .fields tr, .fields td { display: block; width: auto !important; }
  .fields tr { border-top: 1px solid var(--line); padding: 8px 0; }
  .fields td { border: 0; padding: 0; }
}
@media print { nav, .curl button { display: none; } .frame { display: block; } }
`;
