import type { Command } from 'commander';
import { mysqlUrl } from '../mysql/mysql.ts';
import { chosenTarget, stackOption, type TargetOptions } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';
import { count, Progress, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { onStack } from '../verify/finding.ts';
import { gatherFacts } from '../verify/gather/gather.ts';
import { inspect } from '../verify/inspect.ts';
import { cleanUpAll } from '../verify/probe/clean-up.ts';
import { Probe } from '../verify/probe/probe.ts';
import { StepFailed } from '../verify/probe/step.ts';
import { inspectedText, stepText, totalText, type Verified } from '../verify/report.ts';

interface VerifyOptions {
  readonly probe: boolean;
  readonly crawl: boolean;
  readonly clean?: true;
  readonly timeout: number;
  readonly json?: true;
}

export function verify(program: Command): void {
  program
    .command('verify')
    .description(
      'check a deployment: look at every part of it, then send probe objects through it, compare what becomes of them, and erase them; exit 1 if anything is wrong',
    )
    .option('--no-probe', 'only look: nothing is written')
    .option('--no-crawl', 'leave out the crawl, which costs $0.15 on AWS')
    .option('--clean', 'instead: erase what interrupted runs have left behind')
    .option(
      '--timeout <seconds>',
      'how long to wait at most for each step of the probe objects',
      whole(1),
      600,
    )
    .option('--json', 'print one JSON document')
    .addHelpText('after', explanation)
    .action(async (options: VerifyOptions) => {
      const target = await chosenTarget(program);
      const where = program.opts<TargetOptions>();
      const progress = new Progress();
      const run = new Run(target, where, options, progress);
      const result = await untilInterrupted((signal) =>
        options.clean ? run.clean(signal) : run.verify(signal),
      ).finally(() => progress.end());
      if (result === undefined) console.error(run.interrupted);
    });
}

const explanation = `
It looks at the quota of concurrent calls, the rules, queues, key, notifications, mappings, versions, log groups, alarms,
the crawler and its schedule, through AWS's own APIs. Then it sends objects of a dataset of its own through the pipeline:
good and bad records, an overwrite, a deletion, an event that comes twice, and a dead letter, which it redrives. It
compares the ledger, the lake, the archive, the rejects, the answers of queries, and MySQL, if it reaches it. What would
stop the objects is told first, and then none are sent. docs/maintenance/verify.md tells what is not covered, and which
permissions it needs.`;

/** One run of the command. */
class Run {
  readonly #target: Target;
  readonly #where: TargetOptions;
  readonly #options: VerifyOptions;
  readonly #progress: Progress;
  readonly #on: string;
  #probe: Probe | undefined;

  constructor(target: Target, where: TargetOptions, options: VerifyOptions, progress: Progress) {
    this.#target = target;
    this.#where = where;
    this.#options = options;
    this.#progress = progress;
    this.#on = stackOption(target);
  }

  /** What Ctrl-C leaves, and the command that removes it. */
  get interrupted(): string {
    const clean = `npx sluice verify --clean${this.#on}`;
    if (this.#options.clean) return `Interrupted. To erase the rest: ${clean}`;
    if (this.#probe === undefined) return 'Interrupted. Nothing was written.';
    return `Interrupted. Left behind are the probe objects under ${this.#probe.objects.prefix}, and what the stages made of them in every bucket, the table and MySQL. To erase all of it: ${clean}`;
  }

  async verify(signal: AbortSignal): Promise<true> {
    const { probe, json } = this.#options;
    this.#show('Looking at the deployment');
    const inspected = inspect(await gatherFacts(this.#target));
    for (const each of inspected) this.#say(inspectedText(each));
    signal.throwIfAborted();
    const blocking = inspected.some(({ findings }) => findings.some((each) => each.blocking));
    const notSent = !probe
      ? '--no-probe'
      : blocking
        ? 'what is wrong would stop the probe objects, so none were sent'
        : null;
    if (notSent === null) {
      this.#probe = new Probe({
        ...this.#shared(signal),
        crawl: this.#options.crawl,
        timeoutMs: this.#options.timeout * 1000,
        onStep: (step) => this.#say(stepText(step)),
      });
    }
    const steps = await this.#probe?.run();
    const failed = [...inspected, ...(steps ?? [])].some(({ findings }) =>
      findings.some(({ level }) => level === 'failed'),
    );
    const result: Verified = {
      ok: !failed,
      stack: this.#target.outputs.stack,
      inspected,
      probe: this.#probe && steps ? { run: this.#probe.objects.run, steps } : null,
      notSent,
    };
    this.#progress.end();
    if (json) console.log(printableJson(result, 2));
    else {
      if (blocking) console.log('No probe objects were sent: what is wrong would stop them.');
      console.log(totalText(result));
    }
    if (failed) process.exitCode = 1;
    return true;
  }

  async clean(signal: AbortSignal): Promise<true> {
    this.#show('Looking for what is left');
    const runs = await cleanUpAll(this.#shared(signal)).catch((error: Error) => {
      if (!(error instanceof StepFailed)) throw error;
      const { message, cure } = onStack(error.finding, this.#on);
      throw new UserError(`${message} ${cure}`);
    });
    this.#progress.end();
    if (this.#options.json) console.log(printableJson({ erasedRuns: runs }));
    else
      console.log(
        runs === 0 ? 'Nothing is left of earlier runs.' : `Erased what ${count(runs, 'run')} left.`,
      );
    return true;
  }

  #shared(signal: AbortSignal) {
    return {
      target: this.#target,
      signal,
      progress: (text: string) => this.#show(text),
      mysqlUrl: () => this.#mysqlUrl(),
      on: this.#on,
    };
  }

  /** Where MySQL is; `undefined` if there is none, or if this machine can't reach it. */
  #mysqlUrl(): string | undefined {
    if (this.#target.control === undefined && this.#target.outputs.mysql === undefined) return undefined;
    try {
      return mysqlUrl(this.#where, 'write');
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  #show(text: string): void {
    this.#progress.show(text);
  }

  #say(text: string): void {
    if (this.#options.json) return;
    this.#progress.end();
    console.log(text);
  }
}
