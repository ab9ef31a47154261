import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../../../local-aws/core/cache-directory.ts';

const pulumi = dirname(createRequire(import.meta.url).resolve('@pulumi/pulumi/package.json'));
const modules = new URL('../../../local-aws/program/modules.ts', import.meta.url).pathname;

interface Run {
  /** Of `Pulumi.yaml`. */
  readonly directory: string;
  /** From there. */
  readonly main: string;
  readonly project: string;
  readonly stack: string;
  readonly configuration: Readonly<Record<string, string>>;
  /** The engine's. */
  readonly address: string;
}

/**
 * Runs a program under Pulumi's own runner, as its language host for Node does with `typescript: false`
 * (pulumi/sdk/nodejs/cmd/pulumi-language-nodejs). Resolves to what it printed, and whether it succeeded.
 */
export async function runProgram({ directory, main, project, stack, configuration, address }: Run) {
  const child = spawn(
    process.execPath,
    [
      // Loads less of Pulumi than it would itself, and the same where it matters.
      `--import=${modules}`,
      join(pulumi, 'cmd/run'),
      `--monitor=${address}`,
      `--engine=${address}`,
      `--project=${project}`,
      `--stack=${stack}`,
      `--root-directory=${directory}`,
      `--pwd=${join(directory, dirname(main))}`,
      '--organization=organization',
      '--parallel=16',
      join(directory, main),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: join(cacheDirectory, 'program'),
        PULUMI_CONFIG: JSON.stringify(configuration),
        PULUMI_NODEJS_TYPESCRIPT: 'false',
      },
    },
  );
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { succeeded: code === 0, printed };
}
