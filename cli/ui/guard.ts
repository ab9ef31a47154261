import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** A secret in the address that is printed, as Jupyter has it. 192 bits, safe in an address. */
export const newToken = (): string => randomBytes(24).toString('base64url');

/**
 * Headers of every answer: nothing but the page's own files is loaded, no script stands in the page, no other
 * page frames it, and its address, which may hold the token, is told to nobody.
 */
const headers: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export interface GuardOptions {
  readonly port: number;
  readonly token: string;
  /** The answer to a person who has not shown the token. */
  readonly login: string;
}

/**
 * Lets a request pass only if it is meant for this page, comes from this page, and shows the token.
 *
 * - `Host` must be the loopback's: else a name that an attacker binds to 127.0.0.1 would have our origin.
 * - `Origin` and `Sec-Fetch-Site`, which browsers send and scripts can't set, must not be another page's.
 * - The token comes once in the address, and then in a cookie that no script reads and no other site sends.
 *   Cookies know no ports, so its name has ours. A program may send it as `Authorization: Bearer`.
 */
export function guard({ port, token, login }: GuardOptions): MiddlewareHandler {
  const hosts = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
  const cookie = `sluice-${port}`;
  return async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    const { req } = context;
    const host = req.header('host') ?? '';
    if (!hosts.includes(host)) return context.text(`This page is not at ${JSON.stringify(host)}.`, 403);
    const origin = req.header('origin');
    const site = req.header('sec-fetch-site') ?? 'none';
    const isOurs = (origin === undefined || origin === `http://${host}`) && !/^(cross|same)-site$/.test(site);
    const asked = req.query('token');
    const isEntry = req.method === 'GET' && req.path === '/' && req.header('sec-fetch-mode') === 'navigate';
    // A link from elsewhere may open the page; it can't read or send anything.
    if (!isOurs && !isEntry) return context.text('Other pages have no access.', 403);
    if (req.path === '/' && asked !== undefined && isSame(asked, token)) {
      setCookie(context, cookie, token, { httpOnly: true, sameSite: 'Strict', path: '/' });
      return context.redirect('/', 303);
    }
    const shown = getCookie(context, cookie) ?? /^Bearer (\S+)$/.exec(req.header('authorization') ?? '')?.[1];
    if (shown !== undefined && isSame(shown, token)) return next();
    if (req.path === '/style.css' || req.path === '/icon.svg') return next();
    if (req.path === '/') return context.html(login, 401);
    const message = 'The token is missing or that of an earlier start. Open the address that was printed.';
    return context.json({ error: { code: 'no_token', message } }, 401);
  };
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
