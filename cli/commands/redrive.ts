import { type Command, Option } from 'commander';
import type { DeadLetter } from '../../domain/versions/failures/dead-letter.ts';
import {
  canariesOf,
  type DeadLetterSelection,
  grouped,
  isEverything,
  selected,
} from '../../domain/versions/failures/selection.ts';
import {
  type DeadLetterQueue,
  deadLetterQueues,
  withOpenQueues,
} from '../ledger/dead-letters/dead-letters.ts';
import { type Redriven, redriveAll, redriveSome, type Sending } from '../ledger/dead-letters/redrive.ts';
import {
  isBad,
  longestRound,
  type RedriveEnding,
  redriveEndings,
} from '../ledger/dead-letters/redrive-endings.ts';
import { RunRecord } from '../ledger/run-record.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { chosenDataset, datasetNames, more, pointInTime, whole } from '../options/options.ts';
import { chosenStages, stageArgument } from '../options/stages.ts';
import { HIDDEN_SECONDS } from '../target/held-messages.ts';
import type { Target } from '../target/target.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';

import { count, integer, lineWidth, Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { groupText, unseenText } from './dlq.ts';

interface RedriveOptions {
  readonly code?: readonly string[];
  readonly dataset?: readonly string[];
  readonly key?: readonly string[];
  readonly message?: readonly string[];
  readonly since?: number;
  readonly limit?: number;
  readonly canary?: number;
  readonly rate?: number;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly dryRun?: boolean;
  readonly discard?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

export function redrive(program: Command): void {
  program
    .command('redrive')
    .description(
      'send dead-lettered messages and undelivered events back to their stages, all or a selection',
    )
    .addArgument(stageArgument())
    .option('-c, --code <code>', 'only with this code, as dlq prints it (may be repeated)', more)
    .option('-d, --dataset <name>', `only of this dataset: ${datasetNames} (may be repeated)`, more)
    .option('-k, --key <key>', 'only of this key in the raw bucket (may be repeated)', more)
    .option('-m, --message <id>', 'only with this id, or its beginning (may be repeated)', more)
    .option('--since <time>', 'only if the last failure was since: 2026-11-22, 12h or 7d ago', pointInTime)
    .option('--limit <count>', 'only so many, the oldest first', whole(1))
    .option('--dry-run', 'only list the messages that would be sent or discarded')
    .option(
      '--canary <count>',
      'send so many of each stage first, and the others only if none of these comes back',
      whole(1),
    )
    .option('--rate <count>', 'how many messages per second and queue', whole(1))
    .option(
      '-w, --wait',
      'wait for the end of each message; exit 1 if one comes back, can’t be processed or does not end in time',
    )
    .option(
      '--timeout <seconds>',
      'how long to wait at most (default: as long as all attempts can take)',
      whole(1),
    )
    .addOption(
      new Option('--discard', 'delete the messages instead, after a copy is in the failed bucket').conflicts([
        'canary',
        'wait',
        'rate',
      ]),
    )
    .option('--reason <text>', 'why; it goes into the record of the run, and --discard requires it')
    .option('--json', 'print each message as a JSON document per line, then the totals')
    .addHelpText('after', explanation)
    .action(async (stage: string | undefined, options: RedriveOptions) => {
      for (const name of options.dataset ?? []) chosenDataset(name);
      if (options.discard && !options.reason?.trim())
        throw new UserError('Say why the messages are discarded: --reason TEXT. It goes into the record.');
      const target = await chosenTarget(program);
      const progress = new Progress();
      const result = await untilInterrupted((signal) =>
        new Run(target, stage, options, signal, progress).run(),
      ).finally(() => progress.end());
      if (result === undefined)
        console.error('Interrupted. Messages that were sent stay sent; all others lie where they lay.');
    });
}

const explanation = `
A message is deleted only after its stage's queue holds it. A run that is killed loses none, and to run it again is
harmless: a stage that receives a message twice does its work once. After a kill, some messages may be hidden for
${HIDDEN_SECONDS} s. Each run leaves a record in the failed bucket, under redrives/.

Without a selection, DLQs are emptied by SQS's own move task. A selection, and undelivered events, are received, sent
and deleted by this command.`;

/** One run of the command. */
class Run {
  readonly #target: Target;
  readonly #options: RedriveOptions;
  readonly #selection: DeadLetterSelection;
  readonly #queues: readonly DeadLetterQueue[];
  readonly #signal: AbortSignal;
  readonly #progress: Progress;
  readonly #record: RunRecord;
  readonly #sent: DeadLetter[] = [];
  #count = 0;
  #unseen = 0;

  constructor(
    target: Target,
    stage: string | undefined,
    options: RedriveOptions,
    signal: AbortSignal,
    progress: Progress,
  ) {
    const { code: codes = [], dataset: datasets = [], key: keys = [], message: messages = [] } = options;
    const { since = 0, limit = Number.POSITIVE_INFINITY } = options;
    const stages = chosenStages(stage);
    this.#target = target;
    this.#options = options;
    this.#signal = signal;
    this.#progress = progress;
    this.#selection = { codes, datasets, keys, messages, since, limit };
    this.#queues = deadLetterQueues(target, stages);
    const action = options.discard ? 'discard' : 'redrive';
    this.#record = new RunRecord(target, 'redrives', {
      action,
      stages,
      selection: this.#selection,
      reason: options.reason,
    });
  }

  async run(): Promise<true> {
    if (this.#options.dryRun) await this.#look();
    else if (this.#options.discard) await this.#discard();
    else {
      await this.#record.begin({ messages: [] });
      let results: Readonly<Record<string, number>> | undefined;
      try {
        results = await this.#sendBack();
      } finally {
        await this.#record.end({
          sent: this.#count,
          results,
          complete: results !== undefined,
          messages: this.#sent,
        });
      }
      this.#total({ sent: this.#count, results }, `Sent ${count(this.#count, 'message')} back.`);
    }
    return true;
  }

  async #look(): Promise<void> {
    const { letters, unseen } = await withOpenQueues(
      this.#target,
      this.#queues,
      this.#signal,
      async (open) => ({
        letters: selected(
          open.flatMap((each) => each.letters),
          this.#selection,
        ),
        unseen: open.reduce((sum, each) => sum + each.unseen, 0),
      }),
    );
    this.#unseen = unseen;
    if (this.#options.json) for (const letter of letters) this.#print(printableJson(letter));
    else
      for (const group of grouped(letters)) this.#print(`${groupText(group, letters.length, lineWidth())}\n`);
    const verb = this.#options.discard ? 'discarded' : 'sent back';
    this.#total({ selected: letters.length }, `${count(letters.length, 'message')} would be ${verb}.`);
  }

  /** The record holds the messages before the first is deleted, so that none is lost for good. */
  async #discard(): Promise<void> {
    await withOpenQueues(this.#target, this.#queues, this.#signal, async (open) => {
      const chosen = selected(
        open.flatMap((each) => each.letters),
        this.#selection,
      );
      this.#unseen = open.reduce((sum, each) => sum + each.unseen, 0);
      this.#sent.push(...chosen);
      if (chosen.length === 0) return;
      await this.#record.begin({ messages: chosen });
      for (const { queue, held } of open) {
        const own = chosen.filter(({ stage, place }) => stage === queue.stage && place === queue.place);
        await held.delete(own.map(({ id }) => id));
      }
    });
    const discarded = this.#sent.length;
    if (discarded > 0) await this.#record.end({ discarded, messages: this.#sent });
    this.#total({ discarded }, `Discarded ${count(discarded, 'message')}.`);
  }

  /** @returns how many messages ended how, as far as somebody has waited for it */
  async #sendBack(): Promise<Readonly<Record<string, number>>> {
    const { canary, wait = false } = this.#options;
    const endings: RedriveEnding[] = [];
    const tally = () =>
      Object.fromEntries(
        [...Map.groupBy(endings, ({ result }) => result)].map(([name, all]) => [name, all.length]),
      );
    if (canary !== undefined) {
      endings.push(...(await this.#ends(await this.#pass((letters) => canariesOf(letters, canary)))));
      const back = endings.filter(({ result }) => result === 'returned' || result === 'unfinished').length;
      if (back > 0) {
        process.exitCode = 1;
        this.#progress.end();
        console.error(
          `Stopped: ${integer(back)} of ${count(endings.length, 'canary', 'canaries')} came back or did not end. The others were not sent.`,
        );
        return tally();
      }
    }
    const rest = await this.#pass((letters) => letters);
    if (wait) endings.push(...(await this.#ends(rest)));
    if (endings.some(isBad)) process.exitCode = 1;
    return tally();
  }

  /** Sends what `choose` picks from the selection, of which earlier passes have sent some. */
  async #pass(choose: (letters: readonly DeadLetter[]) => readonly DeadLetter[]): Promise<Redriven> {
    const { wait = false, canary, rate = Number.POSITIVE_INFINITY } = this.#options;
    const isLast = canary === undefined || this.#count > 0;
    const sending: Sending = {
      rate,
      signal: this.#signal,
      onSent: (messages) => {
        this.#count += messages;
        this.#progress.show(`Sent ${count(this.#count, 'message')}`);
      },
    };
    const selection = { ...this.#selection, limit: this.#selection.limit - this.#count };
    const redriven =
      isLast && isEverything(this.#selection)
        ? await redriveAll(this.#target, this.#queues, wait, sending)
        : await redriveSome(this.#target, this.#queues, (all) => choose(selected(all, selection)), sending);
    this.#sent.push(...redriven.sent);
    this.#unseen = redriven.unseen;
    this.#signal.throwIfAborted();
    return redriven;
  }

  /** Waits for the ends of messages, and prints each. */
  async #ends(redriven: Redriven): Promise<RedriveEnding[]> {
    const { json = false, timeout } = this.#options;
    const concerned = [...new Set(redriven.sent.map(({ stage }) => stage))];
    const ms = timeout === undefined ? await longestRound(this.#target, concerned) : timeout * 1000;
    const endings: RedriveEnding[] = [];
    for await (const ending of redriveEndings(this.#target, redriven, ms, this.#signal)) {
      endings.push(ending);
      this.#print(json ? printableJson(ending) : endingText(ending));
      this.#progress.show(`${integer(endings.length)} of ${count(redriven.sent.length, 'message')} ended`);
    }
    return endings;
  }

  #print(line: string): void {
    this.#progress.end();
    console.log(line);
  }

  #total(totals: Readonly<Record<string, unknown>>, text: string): void {
    const isRecorded = !this.#options.dryRun && (this.#count > 0 || this.#sent.length > 0);
    const record = `s3://${this.#target.outputs.buckets.failed}/${this.#record.key}`;
    if (this.#options.json) {
      this.#print(printableJson({ ...totals, unseen: this.#unseen, ...(isRecorded && { record }) }));
      return;
    }
    this.#print(isRecorded ? `${text} The record: ${record}` : text);
    if (this.#count + this.#sent.length === 0 && !this.#options.dryRun)
      this.#print('To list what is dead-lettered: npx sluice dlq');
    if (this.#unseen > 0) this.#print(unseenText(this.#unseen));
    if (this.#count > 0 && !this.#options.wait) this.#print('To see their progress: npx sluice status');
  }
}

function endingText({ letter, result, code, reason = '' }: RedriveEnding): string {
  const { stage, key, id } = letter;
  const why = code === undefined ? '' : `, ${printable(code)}: ${printable(reason)}`;
  return `${printable(key ?? `message ${id}`)} (${stage}): ${result}${why}`;
}
