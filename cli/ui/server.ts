import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
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
 * @param port taken if it is free; 0, or a port that is in use, takes any free one
 */
export async function startPageServer(target: Target, port: number): Promise<PageServer> {
  const { app: answers, close } = api(target);
  const assets = new Refreshed(bundle, Number.POSITIVE_INFINITY);
  const app = new Hono();
  const token = newToken();
  const server = createAdaptorServer({ fetch: app.fetch });
  await listen(server, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return listen(server, 0);
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

function listen(server: ServerType, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
