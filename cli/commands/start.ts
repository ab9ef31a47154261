import { relative } from 'node:path';
import { type Command, Option } from 'commander';
import { chosenDirectory } from '../options/chosen-target.ts';
import { startPipeline } from '../target/local-cloud.ts';
import { printable, styled } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface StartOptions {
  readonly port: number;
  readonly ephemeral?: boolean;
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
    .action(async (options: StartOptions) => {
      if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65_535) {
        throw new UserError('--port must be a number from 0 to 65535.');
      }
      const directory = chosenDirectory(program);
      const pipeline = await startPipeline({
        ...options,
        directory,
        onTrouble: (line) => console.error(printable(line)),
      });
      const { endpoint, outputs, mysql } = pipeline;
      console.log(`Sluice runs on ${styled('bold', endpoint)} (started in ${Math.round(performance.now())} ms).
${options.ephemeral ? 'No state is kept: it is deleted when this process ends' : `State is kept in ${relative(process.cwd(), directory) || '.'}`}.
MySQL: ${printable(mysql)}.

  npx sluice put FILE                       into ${outputs.buckets.raw}
  npx sluice status
  npx sluice query "select difficulty, count(*) from recipes group by 1"

For the AWS CLI and SDKs:

  export AWS_ENDPOINT_URL=${endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_REGION=${outputs.region} AWS_DEFAULT_REGION=${outputs.region}

Ctrl-C stops it.`);
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      process.once('SIGINT', () => process.exit(130));
      console.error('\nStopping: waiting up to 10 s for running functions. Ctrl-C again stops at once.');
      await pipeline.close();
    });
}
