/** An alarm's rule for its data points. */
export interface Rule {
  readonly comparison: keyof typeof comparisons;
  readonly threshold: number;
  /** How many data points count. */
  readonly evaluationPeriods: number;
  /** How many of them have to breach the threshold. */
  readonly datapointsToAlarm: number;
  readonly missingData: 'breaching' | 'notBreaching' | 'ignore' | 'missing';
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A period's value, if it has one. */
export interface Datapoint {
  /** When the period begins, in milliseconds. */
  readonly at: number;
  readonly value: number | undefined;
}

export interface Decision {
  /** Undefined if the alarm keeps the state that it has. */
  readonly state: AlarmState | undefined;
  readonly reason: string;
}

export const comparisons = {
  GreaterThanThreshold: [(value, threshold) => value > threshold, 'greater than'],
  GreaterThanOrEqualToThreshold: [(value, threshold) => value >= threshold, 'greater than or equal to'],
  LessThanThreshold: [(value, threshold) => value < threshold, 'less than'],
  LessThanOrEqualToThreshold: [(value, threshold) => value <= threshold, 'less than or equal to'],
} as const satisfies Record<string, [(value: number, threshold: number) => boolean, string]>;

/**
 * CloudWatch looks at more data points than an alarm evaluates ("evaluation range"); of those examples that
 * are documented, at two more.
 */
export const rangeOf = ({ evaluationPeriods }: Rule) => evaluationPeriods + 2;

/**
 * An alarm's state by the data points of its range, oldest first ("Configuring how CloudWatch alarms treat
 * missing data"): the latest that exist count, and missing ones only if there are too few.
 */
export function decide(rule: Rule, datapoints: readonly Datapoint[]): Decision {
  const { evaluationPeriods, datapointsToAlarm, missingData } = rule;
  const isBreaching = (value: number) => comparisons[rule.comparison][0](value, rule.threshold);
  const existing = datapoints
    .flatMap(({ at, value }, index) =>
      value === undefined ? [] : [{ at, value, age: datapoints.length - index }],
    )
    .slice(-evaluationPeriods);
  const missing = evaluationPeriods - existing.length;
  const breaching = existing.filter(({ value }) => isBreaching(value));
  const filled = missingData === 'breaching' ? breaching.length + missing : breaching.length;
  const alarm: Decision = { state: 'ALARM', reason: reasonOf(rule, existing, breaching, true) };
  if (filled >= datapointsToAlarm) return alarm;
  const isKnown = missing === 0 || missingData === 'breaching' || missingData === 'notBreaching';
  if (isKnown || breaching.length < existing.length) {
    const kept = existing.filter((each) => !breaching.includes(each));
    return { state: 'OK', reason: reasonOf(rule, existing, kept, false) };
  }
  const unknown = `Insufficient Data: ${many(missing, 'datapoint')} ${missing === 1 ? 'was' : 'were'} unknown.`;
  if (missingData === 'ignore') return { state: undefined, reason: unknown };
  // All that exist breach. If the first of them is so old that none after it can still arrive in time, it
  // alone makes an alarm.
  return breaching.some(({ age }) => age >= datapointsToAlarm)
    ? alarm
    : { state: 'INSUFFICIENT_DATA', reason: unknown };
}

/** Much as CloudWatch words it. `counted` are the existing data points that decided. */
function reasonOf(
  { comparison, threshold, evaluationPeriods, datapointsToAlarm, missingData }: Rule,
  existing: readonly Datapoint[],
  counted: readonly Datapoint[],
  isAlarm: boolean,
): string {
  const missing = evaluationPeriods - existing.length;
  const treatedAs = missingData === 'breaching' ? '[Breaching]' : '[NonBreaching]';
  if (existing.length === 0)
    return `Threshold Crossed: no datapoints were received for ${many(missing, 'period')} and ${many(missing, 'missing datapoint')} ${missing === 1 ? 'was' : 'were'} treated as ${treatedAs}.`;
  const values = counted.toReversed().map(({ at, value }) => `${value} (${minuteOf(at)})`);
  const verb = `${counted.length === 1 ? 'was' : 'were'}${isAlarm ? '' : ' not'}`;
  return `Threshold Crossed: ${counted.length} out of the last ${many(existing.length, 'datapoint')} [${values.join(', ')}] ${verb} ${comparisons[comparison][1]} the threshold (${threshold}) (minimum ${many(datapointsToAlarm, 'datapoint')} for ALARM).`;
}

const minuteOf = (at: number) => `${new Date(at).toISOString().slice(0, 16)}Z`;

const many = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
