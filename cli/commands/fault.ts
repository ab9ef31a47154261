import { type Command, InvalidArgumentError, Option } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { choice, milliseconds, whole } from '../options/options.ts';
import type { Control, Fault, FaultRequest } from '../target/control.ts';
import type { Target } from '../target/target.ts';
import { duration, integer, printable, printableJson, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface AimOptions {
  readonly nth: number;
  readonly times?: number;
  readonly always?: true;
  readonly share?: number;
  readonly seed?: number;
  readonly bucket?: string;
  readonly key?: string;
  readonly queue?: string;
  readonly function?: string;
}

const EXAMPLES = `
Examples:
  sluice fault add answer PutObject 503 --bucket temp --times 3   as many as an SDK client tries
  sluice fault add answer PutObject 409 --bucket ledger --share 0.1 --seed 7
  sluice fault add close PutObject --after --nth 2                takes effect, and the caller never learns
  sluice fault add kill PutObject --after --function extraction   the process dies between effect and answer
  sluice fault add duplicate events --queue loading --always
  sluice fault add delay messages --queue extraction --by 30s
  sluice fault add reorder events --bucket raw --always
  sluice fault list
  sluice fault clear

A fault ends after --times hits, and goes with the local cloud. SDK clients retry 500, 503 and closed connections,
three tries in all by default: a single one of these is seen in \`sluice fault list\` and nowhere else.`;

export function fault(program: Command): void {
  const parent = program
    .command('fault')
    .description('make the local cloud fail: calls, connections, functions, events, messages')
    .addHelpText('after', EXAMPLES);
  const add = parent
    .command('add')
    .description(
      'ask for a fault; it hits the next call, event or message that fits, once, unless told otherwise',
    )
    .addHelpText('after', EXAMPLES);
  const submit = async (request: FaultRequest, options: AimOptions) => {
    const target = await chosenTarget(program);
    const added = await controlOf(target).addFault({ ...request, ...aim(options, target) });
    console.log(`Fault ${added.id}: ${describe(added)}.`);
  };

  onCalls(add.command('answer'))
    .description('answer a call with an error, before it takes effect')
    .argument('<operation>', 'the API operation, e.g. PutObject')
    .argument(
      '<status>',
      '409, 412 (S3’s conditional writes), 500 or 503',
      choice('409', '412', '500', '503'),
    )
    .action((operation: string, status: string, options: AimOptions) =>
      submit({ kind: 'answer', operation, status: Number(status) }, options),
    );
  for (const [kind, description] of [
    ['close', 'close the connection in place of an answer'],
    ['kill', 'kill the function that makes a call, as a crash of its machine would'],
  ] as const) {
    onCalls(add.command(kind))
      .description(description)
      .argument('<operation>', 'the API operation, e.g. PutObject')
      .option('--after', 'when the call has taken effect (default: before it does)')
      .action((operation: string, options: AimOptions & { after?: true }) =>
        submit({ kind, operation, when: options.after ? 'after' : 'before' }, options),
      );
  }
  onSendings(add.command('duplicate'))
    .description('deliver more than once')
    .option('--copies <count>', 'how many more', whole(1), 1)
    .action((of: 'events' | 'messages', options: AimOptions & { copies: number }) =>
      submit({ kind: 'duplicate', of, copies: options.copies }, options),
    );
  onSendings(add.command('delay'))
    .description('deliver later')
    .requiredOption('--by <duration>', 'e.g. 500ms, 30s, 5m', milliseconds)
    .action((of: 'events' | 'messages', options: AimOptions & { by: number }) =>
      submit({ kind: 'delay', of, delayMs: options.by }, options),
    );
  onSendings(add.command('reorder'))
    .description('hold every other one back, so that the next overtakes it')
    .option('--by <duration>', 'how long, e.g. 500ms, 30s (default: 1s)', milliseconds, 1000)
    .action((of: 'events' | 'messages', options: AimOptions & { by: number }) =>
      submit({ kind: 'reorder', of, delayMs: options.by }, options),
    );

  parent
    .command('list')
    .description('list the faults, and what each of them did')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }) => {
      const faults = await controlOf(await chosenTarget(program)).faults();
      if (options.json) console.log(printableJson(faults, 2));
      else console.log(faults.length === 0 ? 'No faults were asked for.' : faultTable(faults));
    });
  parent
    .command('clear')
    .description('end and forget these faults, or all')
    .argument('[id...]', 'as `sluice fault list` shows them')
    .action(async (ids: string[]) => {
      await controlOf(await chosenTarget(program)).clearFaults(ids.length > 0 ? ids : undefined);
    });
}

function controlOf({ control }: Target): Control {
  if (control === undefined) {
    throw new UserError(
      'AWS can’t be told to fail: faults are for the local cloud. Leave out --stack (and SLUICE_STACK).',
    );
  }
  return control;
}

function aimed(command: Command): Command {
  return command
    .option('--nth <n>', 'begin with the n-th that fits', whole(1), 1)
    .addOption(
      new Option('--times <count>', 'hit as many (default: 1; with --share, until cleared)').argParser(
        whole(1),
      ),
    )
    .addOption(new Option('--always', 'hit until cleared').conflicts('times'))
    .option('--share <fraction>', 'hit each with this probability, e.g. 0.1', fraction)
    .option('--seed <number>', 'which of them, the same again for the same seed', whole(0))
    .option('--bucket <bucket>', 'only on this bucket: its name, or raw, temp, …')
    .option('--queue <queue>', 'only on this queue: its name, or the stage that it belongs to');
}

function onCalls(command: Command): Command {
  return aimed(command)
    .option('--key <prefix>', 'only on keys that begin so; needs --bucket')
    .option('--function <function>', 'only calls of this function: its name or stage');
}

function onSendings(command: Command): Command {
  return aimed(command).argument(
    '<what>',
    'events (on their way to the queues) or messages',
    choice('events', 'messages'),
  );
}

function aim(options: AimOptions, { outputs }: Target): FaultRequest {
  const { nth, times, always, share, seed, bucket, key, queue } = options;
  if (bucket !== undefined && queue !== undefined) throw new UserError('Choose either --bucket or --queue.');
  if (key !== undefined && bucket === undefined) throw new UserError('--key needs --bucket.');
  const bucketName = named(outputs.buckets, bucket);
  const queueUrl = named(outputs.queues, queue);
  const name = named(outputs.functions, options.function);
  const resource =
    bucketName === undefined
      ? queueUrl && `arn:aws:sqs:${outputs.region}:000000000000:${queueUrl.split('/').at(-1)}`
      : `arn:aws:s3:::${bucketName}${key === undefined ? '' : `/${key}`}`;
  return {
    skip: nth - 1,
    times: times ?? (always || share !== undefined ? null : 1),
    ...(share !== undefined && { share }),
    ...(seed !== undefined && { seed }),
    ...(name !== undefined && { function: name }),
    ...(resource !== undefined && { resource }),
  };
}

/** What a stage or purpose stands for; anything else stands for itself. */
function named(all: Readonly<Record<string, string>>, asked: string | undefined): string | undefined {
  return asked === undefined ? undefined : (all[asked] ?? asked);
}

function fraction(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It takes a number above 0 and up to 1.');
  return value;
}

/** A fault in words: `answer PutObject with 503 on raw-local/recipes/, 3 times`. */
function describe(each: Fault): string {
  const { kind, operation, status, when, of, copies, delayMs = 0, resource, skip, times, share } = each;
  const what = {
    answer: `answer ${operation} with ${status}`,
    close: `close the connection ${when} ${operation}`,
    kill: `kill the function ${when} ${operation}`,
    duplicate: `deliver ${of} ${copies} more ${copies === 1 ? 'time' : 'times'}`,
    delay: `delay ${of} by ${duration(delayMs)}`,
    reorder: `hold every other of the ${of} back by ${duration(delayMs)}`,
  }[kind];
  return [
    what,
    resource === undefined ? '' : ` on ${resource.replace(/^arn:(?:[^:]*:){4}/, '')}`,
    each.function === undefined ? '' : ` of ${each.function}`,
    skip === 0 ? '' : `, from number ${skip + 1} on`,
    share === 1 ? '' : `, ${share * 100} % of them (seed ${each.seed})`,
    times === null ? ', until cleared' : times === 1 ? ', once' : `, ${times} times`,
  ].join('');
}

function faultTable(faults: readonly Fault[]): string {
  return table(faults, [
    { title: 'ID', value: ({ id }) => id, align: 'right' },
    { title: 'FAULT', value: (each) => printable(describe(each)) },
    { title: 'FITTING', value: ({ seen }) => integer(seen), align: 'right' },
    { title: 'HIT', value: ({ hits }) => integer(hits), align: 'right' },
    {
      title: 'STATE',
      value: ({ ended }) => (ended ? 'ended' : 'waits'),
      style: ({ ended }) => (ended ? 'dim' : undefined),
    },
  ]);
}
