import type { Command } from 'commander';
import type { DeadLetter, Standing } from '../../domain/versions/failures/dead-letter.ts';
import { type DeadLetterGroup, grouped } from '../../domain/versions/failures/selection.ts';
import { deadLetterQueues, withOpenQueues } from '../ledger/dead-letters/dead-letters.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import { chosenStages, stageArgument } from '../options/stages.ts';
import { HIDDEN_SECONDS } from '../target/held-messages.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';
import { fitEnd, folded } from '../terminal/fit.ts';
import {
  age,
  count,
  integer,
  lineWidth,
  Progress,
  printable,
  printableJson,
  styled,
  table,
} from '../terminal/terminal.ts';

interface DlqOptions {
  readonly newest: number;
  readonly json?: boolean;
}

export function dlq(program: Command): void {
  program
    .command('dlq')
    .description('list the dead-lettered messages and the undelivered events of each stage, by reason')
    .addArgument(stageArgument())
    .option('-n, --newest <count>', 'how many messages of each reason to show', whole(0), 20)
    .option('--json', 'print each message as a JSON document per line, then the totals')
    .addHelpText('after', explanation)
    .action(async (stage: string | undefined, options: DlqOptions) => {
      const target = await chosenTarget(program);
      const queues = deadLetterQueues(target, chosenStages(stage));
      const progress = new Progress();
      const found = await untilInterrupted((signal) => {
        progress.show('Reading the DLQs');
        return withOpenQueues(target, queues, signal, async (open) => ({
          letters: open.flatMap((each) => each.letters),
          unseen: open.reduce((sum, each) => sum + each.unseen, 0),
        }));
      }).finally(() => progress.end());
      if (found === undefined) return;
      const { letters, unseen } = found;
      if (options.json) {
        for (const letter of letters) console.log(printableJson(letter));
        console.log(printableJson({ messages: letters.length, unseen, reasons: totals(letters) }));
        return;
      }
      for (const group of grouped(letters)) console.log(`${groupText(group, options.newest, lineWidth())}\n`);
      console.log(totalText(letters, unseen));
      if (letters.length > 0)
        console.log(
          'To send them back: npx sluice redrive (--code CODE for one reason, --dry-run to look first)',
        );
    });
}

const explanation = `
For each message: the start of its id, its object and version, the attempts, the time since the first and the last
failure, and the time until SQS deletes it. The reason is the note that the last attempt left in the failed bucket.

To read a queue is to receive its messages. They are hidden from other readers meanwhile, and visible again at the end,
also after Ctrl-C; if the command is killed, ${HIDDEN_SECONDS} s later.`;

export const placeNames: Readonly<Record<DeadLetter['place'], string>> = {
  dlq: 'DLQ',
  undelivered: 'undelivered queue',
};

const standings: Readonly<Record<Standing, string>> = {
  open: '',
  done: ', already done',
  superseded: ', superseded by a newer version',
};

/** The messages of one reason as a table that is at most `columns` wide. */
export function groupText(group: DeadLetterGroup, shown: number, columns: number, now = Date.now()): string {
  const { stage, place, code, standing, reason, otherReasons, letters } = group;
  const title = `${stage}, ${placeNames[place]}: ${count(letters.length, 'message')}, ${printable(code)}${standings[standing]}`;
  const others = otherReasons === 0 ? '' : ` (and ${count(otherReasons, 'other reason')})`;
  const newest = letters.slice(-shown || letters.length);
  const lines = [
    styled('bold', folded(title, columns)),
    folded(`${printable(reason)}${others}`, columns, '  '),
  ];
  if (shown > 0) lines.push(letterTable(newest, columns, now));
  if (shown > 0 && newest.length < letters.length)
    lines.push(folded(`(the newest ${integer(newest.length)}; --newest shows more)`, columns));
  return lines.join('\n');
}

const ID_CHARACTERS = 8;
/** What the other columns take of a line, with the spaces between. */
const BESIDE_OBJECT = 8 + 8 + 8 + 7 + 7 + 7 + 6 * 2;
const LEAST_OBJECT = 12;

function letterTable(letters: readonly DeadLetter[], columns: number, now: number): string {
  const room = Math.max(LEAST_OBJECT, columns - BESIDE_OBJECT);
  const ago = (time: number | undefined) => (time === undefined ? '–' : age(now - time));
  return table(letters, [
    { title: 'MESSAGE', value: ({ id }) => id.slice(0, ID_CHARACTERS) },
    { title: 'OBJECT', value: ({ key }) => (key === undefined ? '–' : fitEnd(printable(key), room)) },
    { title: 'VERSION', value: ({ versionId }) => fitEnd(printable(versionId ?? '–'), ID_CHARACTERS) },
    { title: 'ATTEMPTS', value: ({ attempts }) => integer(attempts), align: 'right' },
    { title: 'FIRST', value: ({ firstFailure }) => ago(firstFailure), align: 'right' },
    { title: 'LAST', value: ({ lastFailure }) => ago(lastFailure), align: 'right' },
    { title: 'EXPIRES', value: ({ expiresAt }) => age(expiresAt - now), align: 'right' },
  ]);
}

function totals(letters: readonly DeadLetter[]) {
  return grouped(letters).map(({ letters: { length: messages }, ...group }) => ({ ...group, messages }));
}

function totalText(letters: readonly DeadLetter[], unseen: number): string {
  const finished = letters.filter(({ standing }) => standing !== 'open').length;
  const open = finished === 0 ? '' : ` ${integer(finished)} of them have nothing left to do.`;
  const first =
    letters.length === 0 ? 'Nothing is dead-lettered.' : `${count(letters.length, 'message')} in all.${open}`;
  return unseen === 0 ? first : `${first}\n${unseenText(unseen)}`;
}

/** What to do about messages that could not be read. */
export function unseenText(unseen: number): string {
  return `About ${count(unseen, 'more message')} can’t be read now: another command holds them, or was killed less than ${HIDDEN_SECONDS} s ago. Run this command again.`;
}
