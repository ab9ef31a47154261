import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { Step } from '../../domain/activity/activity.ts';
import { errorText } from '../../domain/errors.ts';
import { chosenDirectory } from '../options/chosen-target.ts';
import { startPipeline } from '../target/local-cloud.ts';
import { Sources } from '../target/reload/sources.ts';
import { localTarget, type Target } from '../target/target.ts';
import { activityLines, isTold } from '../terminal/activity-lines.ts';
import { printable, printableJson, printableLines, styled } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { startPageServer } from '../ui/server.ts';

interface StartOptions {
  readonly port: number;
  readonly ephemeral?: boolean;
  readonly json?: true;
}

/** LocalStack's default port, which its users expect. */
const DEFAULT_PORT = 4566;

export function start(program: Command): void {
  program
    .command('start')
    .description('run the pipeline on this machine, until Ctrl-C')
    .addOption(
      new Option('--port <port>', 'port on 127.0.0.1; 0 takes any free port')
        .env('SLUICE_PORT')
        .argParser(Number)
        .default(DEFAULT_PORT),
    )
    .option('--ephemeral', 'start empty and keep no state')
    .option(
      '--json',
      'print a JSON document when it is ready, and then one per line for each object that ends and each message that is retried or dead-lettered',
    )
    .action(async (options: StartOptions) => {
      if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65_535) {
        throw new UserError('--port must be a number from 0 to 65535.');
      }
      const directory = chosenDirectory(program);
      const stopped = new AbortController();
      const say = (text: string) => console.error(printableLines(text));
      // Before the program runs: it may read a file before or after it changes.
      const sources = new Sources(stopped.signal, (error) =>
        say(`Some changes can’t be followed, so start again after them: ${errorText(error)}`),
      );
      const pipeline = await startPipeline({
        ...options,
        directory,
        reloads: true,
        onTrouble: (line) => console.error(printable(line)),
      });
      const { endpoint, outputs, mysql } = pipeline;
      const { stack, region } = outputs;
      const target = localTarget(pipeline, directory);
      const page = await startPageServer(target, options.port && options.port + 1);
      pipeline.showPage(page.url);
      if (options.json) console.log(printableJson({ endpoint, url: page.url, stack, region, mysql }));
      else
        console.log(`Sluice runs on ${styled('bold', endpoint)} (started in ${Math.round(performance.now())} ms).
${options.ephemeral ? 'No state is kept: it is deleted when this process ends' : `State is kept in ${relative(process.cwd(), directory) || '.'}`}.
MySQL: ${printable(mysql)}.

  Look at it: ${page.url}

  npx sluice put FILE                       into ${outputs.buckets.raw}
  npx sluice status
  npx sluice query "select difficulty, count(*) from recipes group by 1"

For the AWS CLI and SDKs:

  export AWS_ENDPOINT_URL=${endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}

Ctrl-C stops it.`);
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
      const { reloadOnChange } = await import('../target/reload/reload-on-change.ts');
      const reloading = reloadOnChange(pipeline, target, sources, stopped.signal, say);
      await tell(target, stopped.signal, options.json ? documents : activityLines);
      process.once('SIGINT', () => process.exit(130));
      console.error('\nStopping: waiting up to 10 s for running functions. Ctrl-C again stops at once.');
      await reloading;
      await page.close();
      await pipeline.close();
    });
}

const AGAIN_MS = 5000;

const documents = (steps: readonly Step[]) => steps.filter(isTold).map((step) => printableJson(step));

/** Prints a line as each object ends, until the signal. */
async function tell(
  target: Target,
  signal: AbortSignal,
  linesOf: (steps: readonly Step[]) => string[],
): Promise<void> {
  // Only now, so that the start does not wait for it.
  const { followLooks } = await import('../ledger/activity.ts');
  for (let since = Date.now(); !signal.aborted; since = Date.now()) {
    try {
      for await (const steps of followLooks(target, { since, signal }))
        for (const line of linesOf(steps)) console.log(line);
    } catch (error) {
      console.error(`The logs of the functions can't be followed: ${printable(errorText(error))}`);
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
}
