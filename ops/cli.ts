import { Command, CommanderError } from 'commander';
import { catalog } from './commands/catalog.ts';
import { targetOptions } from './commands/chosen-target.ts';
import { crawl } from './commands/crawl.ts';
import { demo } from './commands/demo.ts';
import { fault } from './commands/fault.ts';
import { iam } from './commands/iam.ts';
import { logs } from './commands/logs.ts';
import { migrate } from './commands/migrate.ts';
import { outputs } from './commands/outputs.ts';
import { put } from './commands/put.ts';
import { query } from './commands/query.ts';
import { reconcile } from './commands/reconcile.ts';
import { schema } from './commands/schema.ts';
import { start } from './commands/start.ts';
import { status } from './commands/status.ts';
import { sweep } from './commands/sweep.ts';
import { printableLines } from './terminal.ts';
import { UserError } from './user-error.ts';

const program = new Command('sluice')
  .description('Files land in S3; Sluice turns them into validated, queryable tables.')
  .showHelpAfterError('(sluice --help tells more)')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

for (const option of targetOptions) program.addOption(option);
for (const add of [
  start,
  demo,
  put,
  query,
  crawl,
  catalog,
  outputs,
  status,
  sweep,
  reconcile,
  logs,
  schema,
  migrate,
  iam,
  fault,
])
  add(program);

// Where the output goes has gone away, as with `sluice … | head`: nothing is left to do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Prints what went wrong; returns the exit status: 2 for a wrong command line, 1 for everything else. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UserError) console.error(printableLines(error.message));
  else if (error instanceof Error && '$metadata' in error)
    console.error(printableLines(`${error.name}: ${error.message}`));
  else console.error(error);
  return 1;
}
