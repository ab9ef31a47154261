import { setTimeout as sleep } from 'node:timers/promises';
import type { FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { milliseconds } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { LogTail, logGroupOf, quotedTerm } from '../terminal/log-events.ts';
import { renderLogLine } from '../terminal/log-line.ts';
import { printableJson } from '../terminal/terminal.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly since: number;
  readonly filter?: string;
  readonly all?: boolean;
  readonly json?: true;
}

/** How often `--follow` asks for new lines. FilterLogEvents allows an account 5 to 25 requests a second. */
const POLL_MS = 1000;

export function logs(program: Command): void {
  program
    .command('logs')
    .description('show the log of a function')
    .argument(
      '<function>',
      'a stage (extraction, transformation, commit, loading), maintenance, or the name of a function',
    )
    .option('-f, --follow', 'keep showing new lines until Ctrl-C')
    .option(
      '--since <duration>',
      'how far back to start, e.g. 30s, 10m, 2h, 1d (default: 10m)',
      milliseconds,
      600_000,
    )
    .option('--filter <text>', 'only lines that contain this text')
    .option(
      '--all',
      'also show metrics, the START, END and REPORT lines of each invocation, and of errors the stack and the message',
    )
    .option('--json', 'print the log events unchanged, one JSON document per line')
    .action(async (asked: string, options: LogsOptions) => {
      const target = await chosenTarget(program);
      const { functions, maintenance } = target.outputs;
      const names: Readonly<Record<string, string>> = { ...functions, maintenance: maintenance.function };
      const group = await logGroupOf(target, Object.hasOwn(names, asked) ? (names[asked] ?? asked) : asked);
      const ended = new AbortController();
      if (options.follow) process.once('SIGINT', () => ended.abort()).once('SIGTERM', () => ended.abort());
      try {
        for await (const event of events(target, group, options, ended.signal)) printEvent(event, options);
      } catch (error) {
        if (!ended.signal.aborted) throw error;
      }
    });
}

async function* events(
  target: Target,
  group: string,
  { since, follow = false, filter }: LogsOptions,
  signal: AbortSignal,
): AsyncGenerator<FilteredLogEvent> {
  const pattern = filter === undefined ? undefined : quotedTerm(filter);
  const tail = new LogTail(target, group, Date.now() - since, pattern);
  for (;;) {
    yield* tail.look(signal);
    if (!follow) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}

function printEvent(event: FilteredLogEvent, { json, all = false }: LogsOptions): void {
  const { eventId, timestamp = 0, logStreamName, message = '' } = event;
  const line = json
    ? printableJson({ eventId, timestamp, logStreamName, message })
    : renderLogLine(message, timestamp, all);
  if (line !== undefined) console.log(line);
}
