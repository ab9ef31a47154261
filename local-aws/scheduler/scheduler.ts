import { authorizeRole, type Caller } from '../core/call.ts';
import type { CloudService, ServiceContext } from '../core/cloud-service.ts';
import { type Metric, metricsOf, noMetrics } from '../core/metrics.ts';
import { errorText } from '../core/service-error.ts';
import { parseSchedule, type Schedule } from '../events/schedule.ts';

/** A schedule of EventBridge Scheduler. */
export interface ScheduleSettings {
  readonly name: string;
  readonly arn: string;
  readonly groupArn: string;
  readonly expression: string;
  readonly enabled: boolean;
  /** `arn:aws:scheduler:::aws-sdk:glue:startCrawler`, or the ARN of a function. */
  readonly targetArn: string;
  readonly roleArn: string;
  /** The call's input, or the function's event, as JSON. */
  readonly input: string;
}

export interface SchedulerOptions extends Pick<ServiceContext, 'clock' | 'authorize' | 'metrics'> {
  readonly schedules: readonly ScheduleSettings[];
  /**
   * The calls of universal targets, by the end of the target's ARN: `glue:startCrawler`. That of a function
   * is `lambda:invoke`.
   */
  readonly calls: Readonly<
    Record<string, (input: string, caller: Caller, targetArn: string) => Promise<void>>
  >;
  readonly log: (line: string) => void;
}

/**
 * EventBridge Scheduler: makes a schedule's call at its time, with the schedule's role ("EventBridge
 * Scheduler User Guide: Using universal targets", "Using templated targets"). A failed call is reported and
 * repeated at the schedule's next time.
 */
export class Scheduler implements CloudService {
  readonly name = 'scheduler';
  readonly #options: SchedulerOptions;
  readonly #timers = new Map<string, () => void>();
  readonly #underWay = new Set<Promise<void>>();
  /** By the group's ARN ("Monitoring Amazon EventBridge Scheduler with Amazon CloudWatch"). */
  readonly #metrics: ReadonlyMap<string, Readonly<Record<'attempts' | 'dropped', Metric>>>;

  /** @throws {Error} for a target that the local cloud can't call */
  constructor(options: SchedulerOptions) {
    this.#options = options;
    for (const { name, targetArn } of options.schedules)
      if (options.calls[callOf(targetArn)] === undefined)
        throw new Error(`The schedule ${name} calls ${targetArn}, which the local cloud does not support.`);
    const { metrics = noMetrics, schedules } = options;
    const names = { attempts: 'InvocationAttemptCount', dropped: 'InvocationDroppedCount' };
    this.#metrics = new Map(
      schedules.map(({ groupArn }) => {
        const ScheduleGroup = groupArn.split('/').at(-1) ?? '';
        return [groupArn, metricsOf(metrics, 'AWS/Scheduler', { ScheduleGroup }, names)];
      }),
    );
  }

  async start(): Promise<void> {
    const { clock, schedules } = this.#options;
    for (const settings of schedules.filter(({ enabled }) => enabled))
      this.#next(settings, parseSchedule(settings.expression, clock.now()), clock.now());
  }

  async close(): Promise<void> {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.allSettled(this.#underWay);
  }

  #next(settings: ScheduleSettings, schedule: Schedule, after: number): void {
    const due = schedule(after);
    if (due === undefined) return;
    const delay = Math.max(0, due - this.#options.clock.now());
    const cancel = this.#options.clock.schedule(delay, () => {
      this.#next(settings, schedule, due);
      const running = this.#call(settings);
      this.#underWay.add(running);
      void running.finally(() => this.#underWay.delete(running));
    });
    this.#timers.set(settings.name, cancel);
  }

  async #call({ name, groupArn, targetArn, roleArn, input }: ScheduleSettings): Promise<void> {
    const metrics = this.#metrics.get(groupArn);
    metrics?.attempts.record(1);
    try {
      await authorizeRole(this.#options.authorize, 'scheduler', roleArn, groupArn);
      await this.#options.calls[callOf(targetArn)]?.(input, { kind: 'role', principal: roleArn }, targetArn);
    } catch (error) {
      metrics?.dropped.record(1);
      this.#options.log(`The schedule ${name} could not call ${targetArn}: ${errorText(error)}`);
    }
  }
}

const callOf = (targetArn: string) =>
  /^arn:aws:lambda:[^:]*:\d*:function:/.test(targetArn)
    ? 'lambda:invoke'
    : targetArn.replace('arn:aws:scheduler:::aws-sdk:', '');
