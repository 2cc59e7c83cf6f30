// The icons: 20 px, one stroke width, in the colour of the text around them.

const paths = {
  back: "M12 4 6 10l6 6",
  plus: "M10 4v12M4 10h12",
  search: "M13.2 13.2 17 17M9 14.5a5.5 5.5 0 1 1 0-11 5.5 5.5 0 0 1 0 11z",
  send: "M3.5 10H11M3.5 3.5 17 10 3.5 16.5 5 10z",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h7c3.5 0 5.5 2 5.5 5.5",
  edit: "m4 16 .8-3.6L13 4.2l2.8 2.8-8.2 8.2z",
  recall: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6",
  smile: "M7 8.2v.1M13 8.2v.1M6.8 12c1.6 2.2 4.8 2.2 6.4 0M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14z",
  clip: "m15.5 9-5.8 5.8a3.2 3.2 0 0 1-4.5-4.5l6.2-6.2a2.1 2.1 0 0 1 3 3l-6 6a1 1 0 0 1-1.5-1.5L12 6.5",
  file: "M5.5 3h5.5l3.5 3.5V17h-9zM11 3v3.5h3.5",
  more: "M10 4.6v.1M10 10v.1M10 15.4v.1",
  close: "m5 5 10 10M15 5 5 15",
  down: "M10 4v12M5 11l5 5 5-5",
  tick: "m4 10.5 4 4 8-9",
  ticks: "m1.5 10.5 4 4 7-8M9.5 13.5l1 1 8-9",
  clock: "M10 6v4.3l2.6 1.7M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14z",
  alert: "M10 6.5v4.2M10 13.6v.1M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14z",
  pin: "M7 3.5h6M8 3.5v5L5.5 12h9L12 8.5v-5M10 12v5",
  muted: "M5 13.5c1-1 1-2.5 1-4.5a4 4 0 0 1 8 0c0 2 0 3.5 1 4.5zM8.5 16h3M4 4l12 12",
  eye: "M2.5 10s2.5-5 7.5-5 7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 12a2 2 0 1 1 0-4 2 2 0 0 1 0 4z",
} as const;

export type IconName = keyof typeof paths;

/** Without a label it says nothing to a screen reader: what is beside it does. */
export function Icon({ name, label }: { readonly name: IconName; readonly label?: string }) {
  const said = label === undefined ? { "aria-hidden": true } : { role: "img" as const, "aria-label": label };
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" {...said}>
      <path d={paths[name]} />
    </svg>
  );
}
