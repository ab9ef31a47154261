import type { AddressInfo } from 'node:net';
import { type HttpBindings, serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Target } from '../target/target.ts';
import { api } from './api.ts';
import { bundle, login, page } from './assets.ts';
import { guard, newToken } from './guard.ts';
import { Refreshed } from './refreshed.ts';

export interface PageServer {
  /** With the token: who opens it has access. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the page for a target, on the loopback address only.
 *
 * @param port 0 takes any free port
 * @throws an error with the code EADDRINUSE when the port is taken
 */
export async function startPageServer(target: Target, port: number): Promise<PageServer> {
  const { app: answers, close } = api(target);
  const assets = new Refreshed(bundle, Number.POSITIVE_INFINITY);
  const app = new Hono<{ Bindings: HttpBindings }>();
  const token = newToken();
  const server = serve({ fetch: (request, env) => app.fetch(request, env), hostname: '127.0.0.1', port });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const { port: actual } = server.address() as AddressInfo;
  app.use(guard({ port: actual, token, login }));
  app.get('/', (context) => context.html(page));
  for (const name of ['/app.js', '/style.css', '/icon.svg'] as const)
    app.get(name, async (context) => {
      const { type, body, compressed } = (await assets.get()).value[name];
      const isGzip = context.req.header('accept-encoding')?.includes('gzip') ?? false;
      return context.body(new Uint8Array(isGzip ? compressed : body), 200, {
        'content-type': type,
        'cache-control': 'no-cache',
        ...(isGzip && { 'content-encoding': 'gzip' }),
      });
    });
  app.use('/api/*', async (context, next) => {
    await next();
    context.header('cache-control', 'no-store');
  });
  app.route('/api', answers);
  app.notFound((context) => context.text('There is no such page. The page is at /.', 404));
  return {
    url: `http://127.0.0.1:${actual}/?token=${token}`,
    close: () =>
      new Promise((resolve) => {
        close();
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
