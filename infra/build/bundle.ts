import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Plugin } from 'esbuild';
import { type Build, cachedBuild, digest, storeBuild } from './build-cache.ts';

export const root = dirname(dirname(import.meta.dirname));
/** npm's record of the installed packages and their versions, esbuild's among them. */
const packages = join(root, 'node_modules/.package-lock.json');

/**
 * An ES import of `http` reads each of its exports at once, and so loads Node's fetch and WebSockets, a fifth
 * of the time that a bundle takes to load. `require` doesn't.
 */
const requiredHttp: Plugin = {
  name: 'required-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'require-call' ? undefined : { path: 'http', namespace: 'required' },
    );
    onLoad({ filter: /^http$/, namespace: 'required' }, () => ({
      contents: "module.exports = require('node:http');",
    }));
  },
};

/** Replaces cls-hooked; the reason is in trace-context.ts. */
const traceContext: Plugin = {
  name: 'trace-context',
  setup({ onResolve }) {
    onResolve({ filter: /^cls-hooked\/context$/ }, () => ({
      path: join(root, 'infra/build/trace-context.ts'),
    }));
  },
};

export interface Bundle {
  /** Absolute path of the only module that is deployed. Its source map is next to it. */
  readonly file: string;
  /** First 16 hexadecimal digits of the SHA-256 of the module's bytes. */
  readonly version: string;
}

/** CommonJS inside an ES module calls `require`, which Node does not define there. */
const banner = "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);";

/**
 * Bundles each entry, `{ extraction: 'handlers/extraction.ts' }` relative to the repository, into
 * `dist/<name>/index.mjs` as Lambda runs it. The same sources give the same bytes in any directory. Files
 * that would not change are left alone.
 *
 * @param external the paths of imports that are left out, and then all packages are
 * @throws (rejects) if an entry does not compile; the message is esbuild's, with file and line
 */
export async function bundle<Name extends string>(
  entries: Readonly<Record<Name, string>>,
  {
    from = root,
    to = join(root, 'dist'),
    external,
  }: { readonly from?: string; readonly to?: string; readonly external?: string[] } = {},
): Promise<Record<Name, Bundle>> {
  const settings = JSON.stringify([entries, external, readFileSync(import.meta.filename, 'utf8')]);
  const made: Build = { recordFile: join(to, 'build.json'), from, settings };
  const digests = cachedBuild(made) ?? (await run(made, entries, to, external));
  const bundles = Object.keys(entries).map((name): [string, Bundle] => {
    const path = join(name, 'index.mjs');
    const sha256 = digests[path];
    if (sha256 === undefined) throw new Error(`esbuild did not write ${path}.`);
    return [name, { file: join(to, path), version: sha256.slice(0, 16) }];
  });
  return Object.fromEntries(bundles) as Record<Name, Bundle>;
}

/** @returns SHA-256 of each file that it wrote, by its path relative to `to` */
async function run(
  made: Build,
  entries: Readonly<Record<string, string>>,
  to: string,
  external: string[] | undefined,
): Promise<Record<string, string>> {
  const { build } = await import('esbuild');
  const beganAt = Date.now();
  const { outputFiles, metafile } = await build({
    absWorkingDir: made.from,
    entryPoints: Object.entries(entries).map(([name, entry]) => ({ in: entry, out: `${name}/index` })),
    outdir: to,
    outExtension: { '.js': '.mjs' },
    banner: { js: banner },
    plugins: [requiredHttp, traceContext],
    bundle: true,
    ...(external && { external, packages: 'external' }),
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    // The source map holds the functions' names; setting them at run time costs time in every cold start.
    keepNames: false,
    legalComments: 'none',
    sourcemap: 'linked',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  for (const output of outputFiles) replace(output.path, output.contents);
  const digests = Object.fromEntries(
    outputFiles.map(({ path, contents }) => [relative(to, path), digest(path, contents)]),
  );
  const files = Object.keys(metafile.inputs).filter((input) => !input.startsWith('required:'));
  storeBuild(made, [...files, relative(made.from, packages)], digests, beganAt);
  return digests;
}

/**
 * Leaves an equal file alone and replaces a different one atomically, because a function may be starting from
 * it.
 */
function replace(path: string, contents: Uint8Array): void {
  if (readIfThere(path)?.equals(contents)) return;
  mkdirSync(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}`;
  writeFileSync(next, contents);
  renameSync(next, path);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
