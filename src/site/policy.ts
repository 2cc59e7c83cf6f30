// What a browser may do with the page, said in headers: it runs nothing but our own files, reaches nobody but this
// server and the store of files, and is in no frame.

/**
 * The Content-Security-Policy of the page (CSP level 3). `host`: the `Host` of the request; `mediaOrigins`: where files
 * of messages are besides here.
 */
function contentPolicy(host: string | null, mediaOrigins: readonly string[]): string {
  // Older browsers do not take 'self' for WebSockets. A policy cannot name an IPv6 address.
  const isNamed = host !== null && /^[a-z0-9.-]+(:\d{1,5})?$/i.test(host);
  const sockets = isNamed ? [`ws://${host}`, `wss://${host}`] : [];
  const directives: Readonly<Record<string, readonly string[]>> = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "connect-src": ["'self'", ...sockets, ...mediaOrigins],
    "img-src": ["'self'", "blob:", ...mediaOrigins],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": ["'none'"],
  };
  return Object.entries(directives)
    .map(([name, values]) => [name, ...values].join(" "))
    .join("; ");
}

/** Of all answers. */
export const allHeaders = {
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** Of the page itself. */
export function pageHeaders(host: string | null, mediaOrigins: readonly string[]): Record<string, string> {
  return {
    ...allHeaders,
    "content-security-policy": contentPolicy(host, mediaOrigins),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    // For browsers that do not know frame-ancestors.
    "x-frame-options": "DENY",
  };
}
