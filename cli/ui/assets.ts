import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { projectDirectory } from '../target/directories.ts';

const source = join(import.meta.dirname, 'page');

/** A file of the page, compressed once. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly compressed: Buffer;
}

/**
 * The page's script and styles, bundled from their sources when the page is first opened, so that no built
 * file can be older than its source.
 */
export async function bundle(): Promise<Readonly<Record<'/app.js' | '/style.css' | '/icon.svg', Asset>>> {
  const { outputFiles } = await build({
    absWorkingDir: projectDirectory,
    entryPoints: { app: join(source, 'main.tsx'), style: join(source, 'style.css') },
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const named = (name: string) => {
    const file = outputFiles.find(({ path }) => path.endsWith(name));
    if (file === undefined) throw new Error(`The page has no ${name}.`);
    return Buffer.from(file.contents);
  };
  return {
    '/app.js': asset('text/javascript; charset=utf-8', named('app.js')),
    '/style.css': asset('text/css; charset=utf-8', named('style.css')),
    '/icon.svg': asset('image/svg+xml', readFileSync(join(source, 'icon.svg'))),
  };
}

const asset = (type: string, body: Buffer): Asset => ({ type, body, compressed: gzipSync(body) });

const html = (title: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
${body}
</html>
`;

/** The page, which its script fills. */
export const page = html(
  'Sluice',
  `<script type="module" src="/app.js"></script>
</head>
<body><div id="app"></div><noscript>This page needs JavaScript. The same is told by: npx sluice status</noscript></body>`,
);

/** For a person without the token. */
export const login = html(
  'Sluice: token needed',
  `</head>
<body class="login"><main>
<h1>Sluice</h1>
<p>Open the address that <code>npm start</code> or <code>npx sluice ui</code> printed, or paste its token.</p>
<form action="/" method="get"><label for="token">Token</label><input id="token" name="token" type="password" autocomplete="off" required><button>Open</button></form>
</main></body>`,
);
