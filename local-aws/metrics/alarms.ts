import type { ServiceContext } from '../core/cloud-service.ts';
import { type AlarmState, type Datapoint, decide, type Rule, rangeOf } from './decision.ts';
import { type MetricQuery, Queries } from './queries.ts';
import { type MetricStore, minuteMs } from './store.ts';

/** An alarm of the program. */
export interface AlarmSettings {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  /** What it watches: the query that returns data. */
  readonly queries: readonly MetricQuery[];
  readonly rule: Rule;
  readonly actionsEnabled: boolean;
  /** ARNs that AWS would notify when the alarm comes to the state. Nothing is notified here. */
  readonly actions: Readonly<Record<AlarmState, readonly string[]>>;
}

/** An alarm with its present state. */
export interface Alarm {
  readonly settings: AlarmSettings;
  readonly state: AlarmState;
  readonly reason: string;
  /** JSON. */
  readonly reasonData: string | undefined;
  /** Milliseconds. */
  readonly configuredAt: number;
  readonly updatedAt: number;
  readonly transitionedAt: number;
}

interface AlarmsOptions extends Pick<ServiceContext, 'clock'> {
  readonly alarms: readonly AlarmSettings[];
  readonly store: MetricStore;
  /** Gets a line when an alarm starts or ends. */
  readonly log: (line: string) => void;
}

const unchecked = 'Unchecked: Initial alarm creation';

/** The program's alarms. */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #queries: ReadonlyMap<string, Queries>;
  readonly #alarms: Map<string, Alarm>;

  /** @throws ServiceError ValidationException for a query that can't run */
  constructor(options: AlarmsOptions) {
    const { alarms, clock } = options;
    const now = clock.now();
    this.#options = options;
    this.#queries = new Map(alarms.map(({ name, queries }) => [name, new Queries(queries)]));
    this.#alarms = new Map(
      alarms.map((settings) => [
        settings.name,
        {
          settings,
          state: 'INSUFFICIENT_DATA',
          reason: unchecked,
          reasonData: undefined,
          configuredAt: now,
          updatedAt: now,
          transitionedAt: now,
        },
      ]),
    );
  }

  /** By name. */
  all(): Alarm[] {
    return [...this.#alarms.values()].sort((one, other) =>
      one.settings.name < other.settings.name ? -1 : 1,
    );
  }

  find(name: string): Alarm | undefined {
    return this.#alarms.get(name);
  }

  /** Evaluates all of them, by the periods that have ended. */
  evaluate(): void {
    const { clock } = this.#options;
    const end = Math.floor(clock.now() / minuteMs) * minuteMs;
    for (const { settings } of this.#alarms.values()) {
      const unmeasured = this.#unmeasured(settings);
      const { state, reason } =
        unmeasured === undefined
          ? decide(settings.rule, this.#datapoints(settings, end))
          : {
              state: 'INSUFFICIENT_DATA' as const,
              reason: `Insufficient Data: The local cloud has no metrics of ${unmeasured}.`,
            };
      const before = this.#alarms.get(settings.name);
      if (state !== undefined && (state !== before?.state || before.reason === unchecked))
        this.set(settings.name, state, reason);
    }
  }

  /** Brings an alarm to a state, until it is evaluated again. */
  set(name: string, state: AlarmState, reason: string, reasonData?: string): void {
    const alarm = this.#alarms.get(name);
    if (alarm === undefined) return;
    const now = this.#options.clock.now();
    const at = alarm.state === state ? {} : { updatedAt: now, transitionedAt: now };
    this.#alarms.set(name, { ...alarm, ...at, state, reason, reasonData });
    if (alarm.state !== state && (alarm.state === 'ALARM' || state === 'ALARM'))
      this.#options.log(`The alarm ${name} went from ${alarm.state} to ${state}. ${reason}`);
  }

  /** A namespace of AWS that no service here records. */
  #unmeasured({ queries }: AlarmSettings): string | undefined {
    return queries
      .flatMap(({ metric }) => (metric === undefined ? [] : [metric.namespace]))
      .find((namespace) => !this.#options.store.measures(namespace));
  }

  #datapoints({ name, rule }: AlarmSettings, end: number): Datapoint[] {
    const queries = this.#queries.get(name);
    const range = rangeOf(rule);
    const step = (queries?.period ?? 0) * 1_000;
    const start = end - range * step;
    const [series] = queries?.run(this.#options.store, { start, end }) ?? [];
    return Array.from({ length: range }, (_, index) => {
      const at = start + index * step;
      return { at, value: series?.points.get(at) };
    });
  }
}
