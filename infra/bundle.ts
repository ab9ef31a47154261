import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = dirname(import.meta.dirname);

/**
 * An ES import of `http` reads each of its exports at once, and so loads Node's fetch and web sockets with it, a
 * fifth of the time that a bundle takes to load. `require` doesn't.
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

export interface Bundle {
  /** Absolute path of the module, alone what is deployed. Its source map lies beside it. */
  readonly file: string;
  /** First 16 hexadecimal digits of the SHA-256 of the module's bytes. */
  readonly version: string;
}

/** CommonJS inside an ES module asks for `require`, which Node does not define there. */
const banner = "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);";

/**
 * Bundles each entry, `{ extraction: 'handlers/extraction.ts' }` relative to the repository, into
 * `dist/<name>/index.mjs` as Lambda runs it. The same sources give the same bytes, wherever they lie.
 *
 * @throws (rejects) when an entry does not compile; the message is esbuild's, with file and line.
 */
export async function bundle<Name extends string>(
  entries: Readonly<Record<Name, string>>,
  { from = root, to = join(root, 'dist') }: { readonly from?: string; readonly to?: string } = {},
): Promise<Record<Name, Bundle>> {
  const names = Object.keys(entries) as Name[];
  const { outputFiles } = await build({
    absWorkingDir: from,
    entryPoints: names.map((name) => ({ in: entries[name], out: `${name}/index` })),
    outdir: to,
    outExtension: { '.js': '.mjs' },
    banner: { js: banner },
    plugins: [requiredHttp],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    legalComments: 'none',
    sourcemap: 'linked',
    write: false,
    logLevel: 'silent',
  });
  for (const output of outputFiles) replace(output.path, output.contents);
  const bundles = names.map((name): [Name, Bundle] => {
    const file = join(to, name, 'index.mjs');
    const module = outputFiles.find((output) => output.path === file);
    if (module === undefined) throw new Error(`esbuild made no ${file}.`);
    return [name, { file, version: createHash('sha256').update(module.contents).digest('hex').slice(0, 16) }];
  });
  return Object.fromEntries(bundles) as Record<Name, Bundle>;
}

/** Leaves an equal file alone and replaces another in one step: a function may be starting from it. */
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
