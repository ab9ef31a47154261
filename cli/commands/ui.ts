import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import { startPageServer } from '../ui/server.ts';

/** The port after the local cloud's. */
const PAGE_PORT = 4567;

export function ui(program: Command): void {
  program
    .command('ui')
    .description('serve a page that shows the pipeline, on this machine only, until Ctrl-C')
    .option('--port <port>', 'port on 127.0.0.1; if it is in use, any free one', whole(0), PAGE_PORT)
    .option('--json', 'print the address as JSON')
    .addHelpText('after', explanation)
    .action(async (options: { port: number; json?: boolean }) => {
      const target = await chosenTarget(program);
      const { stack } = target.outputs;
      const server = await startPageServer(target, options.port);
      console.log(
        options.json
          ? JSON.stringify({ url: server.url, stack })
          : `The page of the stack ${stack}: ${server.url}\nWho opens this address may redrive, replay, backfill and upload with your credentials. Ctrl-C stops it.`,
      );
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await server.close();
    });
}

const explanation = `
It shows what status, explain, rejects, dlq, executions, query and the CloudWatch dashboard show, and uses the same
AWS credentials. On AWS, what it reads is billed: while the metrics view is open, some cents an hour.`;
