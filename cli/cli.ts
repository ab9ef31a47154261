import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { errorText } from '../domain/errors.ts';
import { MessageRefused } from '../store/message-refused.ts';
import { targetOptions } from './options/chosen-target.ts';
import { printableJson, printableLines } from './terminal/terminal.ts';
import { UserError } from './terminal/user-error.ts';

const manifest: { readonly version: string } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'),
);

type Load = () => Promise<(program: Command) => void>;

/** In the order of the help text. */
const groups: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  Run: {
    start: async () => (await import('./commands/start.ts')).start,
    put: async () => (await import('./commands/put.ts')).put,
    query: async () => (await import('./commands/query.ts')).query,
    crawl: async () => (await import('./commands/crawl.ts')).crawl,
    backfill: async () => (await import('./commands/backfill.ts')).backfill,
    outputs: async () => (await import('./commands/outputs.ts')).outputs,
  },
  Look: {
    ui: async () => (await import('./commands/ui.ts')).ui,
    status: async () => (await import('./commands/status.ts')).status,
    explain: async () => (await import('./commands/explain.ts')).explain,
    rejects: async () => (await import('./commands/rejects.ts')).rejects,
    dlq: async () => (await import('./commands/dlq.ts')).dlq,
    alarms: async () => (await import('./commands/alarms.ts')).alarms,
    logs: async () => (await import('./commands/logs.ts')).logs,
    catalog: async () => (await import('./commands/catalog.ts')).catalog,
    snapshots: async () => (await import('./commands/snapshots.ts')).snapshots,
    executions: async () => (await import('./commands/executions.ts')).executions,
    reconcile: async () => (await import('./commands/reconcile.ts')).reconcile,
    cost: async () => (await import('./commands/cost.ts')).cost,
    verify: async () => (await import('./commands/verify.ts')).verify,
  },
  Repair: {
    redrive: async () => (await import('./commands/redrive.ts')).redrive,
    replay: async () => (await import('./commands/replay.ts')).replay,
    compact: async () => (await import('./commands/compact.ts')).compact,
    maintain: async () => (await import('./commands/maintain.ts')).maintain,
    sweep: async () => (await import('./commands/sweep.ts')).sweep,
    takeover: async () => (await import('./commands/takeover.ts')).takeover,
    erase: async () => (await import('./commands/erase.ts')).erase,
  },
  'Data model': {
    new: async () => (await import('./commands/new.ts')).newDataset,
    fixture: async () => (await import('./commands/fixture.ts')).fixture,
    schema: async () => (await import('./commands/schema.ts')).schema,
    check: async () => (await import('./commands/check.ts')).check,
    migrate: async () => (await import('./commands/migrate.ts')).migrate,
  },
  'Try out': {
    try: async () => (await import('./commands/try.ts')).tryFile,
    demo: async () => (await import('./commands/demo.ts')).demo,
    fault: async () => (await import('./commands/fault.ts')).fault,
    iam: async () => (await import('./commands/iam.ts')).iam,
    completion: async () => (await import('./commands/completion.ts')).completion,
  },
};
const names = Object.values(groups).flatMap((commands) => Object.keys(commands));

/** Runs one command line. Its exit status is in `process.exitCode` then. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const isJson = args.includes('--json');
  const program = new Command('sluice')
    .description('Files land in S3; Sluice turns them into validated, queryable tables.')
    .version(manifest.version)
    .showHelpAfterError('(See: sluice --help)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => write(printableLines(text)),
      // The error is printed as a document instead.
      ...(isJson && { writeErr: () => {} }),
    })
    .exitOverride();
  for (const option of targetOptions) program.addOption(option);
  // Only the named command is loaded: loading the dependencies of all takes longer than most commands run.
  const named = names.filter((name) => args.includes(name));
  const isVersion = args.length === 1 && /^(-V|--version)$/.test(args[0] ?? '');
  const isAll = (named.length === 0 && !isVersion) || named.includes('completion');
  for (const [group, commands] of Object.entries(groups)) {
    program.commandsGroup(`${group}:`);
    for (const [name, load] of Object.entries(commands))
      if (isAll || named.includes(name)) (await load())(program);
  }
  // Into the last group.
  program.helpCommand(true);
  try {
    checkCommand(program, args);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, isJson);
  }
}

/** If help is asked for beside an unknown command, Commander shows the help of the program without a word. */
function checkCommand(program: Command, args: readonly string[]): void {
  const { operands, unknown } = program.parseOptions([...args]);
  const [name, of] = operands;
  const asked = name === 'help' ? of : unknown.some((each) => /^(-h|--help)$/.test(each)) ? name : undefined;
  if (asked !== undefined && asked !== 'help' && !names.includes(asked))
    program.error(`error: unknown command '${asked}'`, { exitCode: 2, code: 'commander.unknownCommand' });
}

/** Prints the error. Returns the exit status: 2 for a wrong command line, 1 for any other error. */
function report(error: unknown, isJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message } = described(error);
  if (isJson) {
    const [, command] = /: (np[mx] [^\n]+)$/.exec(message) ?? [];
    console.error(printableJson({ error: { code, message, ...(command && { command }) } }));
  } else if (code === 'unexpected') console.error(error);
  // Commander has printed its own.
  else if (code !== 'usage') console.error(printableLines(message));
  return code === 'usage' ? 2 : 1;
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof CommanderError)
    return { code: 'usage', message: error.message.replace(/^error: /, '') };
  if (error instanceof UserError || error instanceof MessageRefused)
    return { code: 'refused', message: error.message };
  if (isDisconnection(error)) {
    const message = `Lost the connection to the pipeline (${error.code}). If the local cloud has stopped, start it: npm start`;
    return { code: 'disconnected', message };
  }
  if (error instanceof Error && '$metadata' in error)
    return { code: 'service', message: `${error.name}: ${error.message}` };
  return { code: 'unexpected', message: errorText(error) };
}

/** Whether the other side refused or closed the connection. */
function isDisconnection(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(`${error.code}`)
  );
}
