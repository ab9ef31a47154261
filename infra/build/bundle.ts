import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
      kind === 'require-call' ? undefined : { path: 'http', namespace: 'required-http' },
    );
    onLoad({ filter: /^http$/, namespace: 'required-http' }, () => ({
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

/**
 * Replaces the SDK's chain of credential providers by its first link. Lambda gives a function the credentials
 * of its role in environment variables (Lambda guide, configuration-envvars), and the clients of the other
 * links are a sixth of a bundle.
 */
const environmentCredentials: Plugin = {
  name: 'environment-credentials',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, ({ path, resolveDir }) => ({
      path,
      namespace: 'environment-credentials',
      pluginData: resolveDir,
    }));
    onLoad({ filter: /./, namespace: 'environment-credentials' }, ({ pluginData }) => ({
      contents: "export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';",
      resolveDir: pluginData,
    }));
  },
};

/** These make modules that are in no file, in a namespace of the plugin's name. */
const replaced = [requiredHttp, environmentCredentials];

export interface Bundle {
  /** Absolute path of the module that Lambda imports. */
  readonly file: string;
  /**
   * Absolute paths of all modules that are deployed, `file` among them, in one folder. The others are
   * imported when they are needed. The source map of each is next to it.
   */
  readonly files: readonly string[];
  /** First 16 hexadecimal digits of the SHA-256 of all modules' names and bytes. */
  readonly version: string;
}

/** CommonJS inside an ES module calls `require`, which Node does not define there. */
const banner = "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);";

/**
 * Bundles each entry, `{ extraction: 'handlers/extraction.ts' }` relative to the repository, into
 * `dist/<name>/index.mjs` as Lambda runs it, and one module beside it for each `import()` of code that few
 * need. The same sources give the same bytes in any directory. Files that would not change are left alone.
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
  const modules = Object.entries(digests).filter(([path]) => path.endsWith('.mjs'));
  const bundles = Object.keys(entries).map((name): [string, Bundle] => {
    const own = modules.filter(([path]) => dirname(path) === name);
    const files = own.map(([path]) => join(to, path));
    const version = hash('sha256', JSON.stringify(own)).slice(0, 16);
    return [name, { file: join(to, name, 'index.mjs'), files, version }];
  });
  return Object.fromEntries(bundles) as Record<Name, Bundle>;
}

/** @returns SHA-256 of each file that it wrote, by its path relative to `to`, in the order of the paths */
async function run(
  made: Build,
  entries: Readonly<Record<string, string>>,
  to: string,
  external: string[] | undefined,
): Promise<Record<string, string>> {
  const { build } = await import('esbuild');
  const beganAt = Date.now();
  // One build for each, as modules that several functions share would lie in the folder of none.
  const built = await Promise.all(
    Object.entries(entries).map(async ([name, entry]) => {
      const { outputFiles, metafile } = await build({
        absWorkingDir: made.from,
        entryPoints: [{ in: entry, out: 'index' }],
        // Not where the files go: the names of the modules depend on it.
        outdir: 'dist',
        outExtension: { '.js': '.mjs' },
        banner: { js: banner },
        plugins: [...replaced, traceContext],
        bundle: true,
        splitting: true,
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
        // Whoever reads it has the sources, and it would take a quarter of the time.
        sourcesContent: false,
        metafile: true,
        write: false,
        logLevel: 'silent',
      });
      const outputs = outputFiles.map(({ path, contents }) => ({
        path: join(name, relative(join(made.from, 'dist'), path)),
        contents,
      }));
      return { outputs, inputs: Object.keys(metafile.inputs) };
    }),
  );
  const outputs = built.flatMap((each) => each.outputs).sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, contents } of outputs) replace(join(to, path), contents);
  const digests = Object.fromEntries(outputs.map(({ path, contents }) => [path, digest(path, contents)]));
  for (const name of Object.keys(entries)) removeOthers(to, name, digests);
  const inputs = new Set(built.flatMap((each) => each.inputs));
  const files = [...inputs].filter((input) => !replaced.some(({ name }) => input.startsWith(`${name}:`)));
  storeBuild(made, [...files, relative(made.from, packages)], digests, beganAt);
  return digests;
}

/** Removes the modules of earlier builds, whose names nothing imports any more, and their source maps. */
function removeOthers(to: string, name: string, digests: Readonly<Record<string, string>>): void {
  for (const file of readdirSync(join(to, name))) {
    const path = join(name, file);
    if (/\.mjs(\.map)?$/.test(file) && !(path in digests)) rmSync(join(to, path), { force: true });
  }
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
