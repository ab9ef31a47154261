import { type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { type Stage, stages } from '../../domain/stage.ts';
import type { Target } from './target.ts';

/** In the order in which they are shown. */
export const alarmStateValues = ['ALARM', 'INSUFFICIENT_DATA', 'OK'] as const;
export type AlarmStateValue = (typeof alarmStateValues)[number];

/** An alarm of the stack, as CloudWatch last evaluated it. */
export interface AlarmState {
  /** Its name within the stack, such as `extraction-age`. */
  readonly name: string;
  readonly nameOnAws: string;
  /** Undefined if it is about no stage. */
  readonly stage: Stage | undefined;
  readonly state: AlarmStateValue;
  /** When it changed into this state. Milliseconds since the epoch. */
  readonly since: number | undefined;
  readonly reason: string;
  readonly description: string;
  /** The address of its section of the runbooks. */
  readonly runbook: string | undefined;
}

export interface AlarmStates {
  readonly alarms: readonly AlarmState[];
  /** Names within the stack of alarms that CloudWatch does not have: somebody deleted them. */
  readonly missing: readonly string[];
}

/** "DescribeAlarms: AlarmNames, maximum number of 100 items; MaxRecords, at most 100" */
const PAGE = 100;

/** The states of the stack's own alarms, those that ring first. */
export async function alarmStates(target: Target): Promise<AlarmStates> {
  const found = await describedAlarms(target);
  const alarms: AlarmState[] = [];
  const missing: string[] = [];
  for (const [name, nameOnAws] of Object.entries(target.outputs.alarmNames)) {
    const alarm = found.get(nameOnAws);
    if (alarm === undefined) missing.push(name);
    else alarms.push(stateOf(name, nameOnAws, alarm));
  }
  const rank = ({ state }: AlarmState) => alarmStateValues.indexOf(state);
  return { alarms: alarms.sort((a, b) => rank(a) - rank(b)), missing };
}

/** The stack's own alarms as CloudWatch describes them, by their names on AWS. */
export async function describedAlarms({ cloudWatch, outputs }: Target): Promise<Map<string, MetricAlarm>> {
  const names = Object.entries(outputs.alarmNames);
  const found = new Map<string, MetricAlarm>();
  for (let at = 0; at < names.length; at += PAGE) {
    const AlarmNames = names.slice(at, at + PAGE).map(([, nameOnAws]) => nameOnAws);
    for await (const { MetricAlarms = [] } of paginateDescribeAlarms(
      { client: cloudWatch, pageSize: PAGE },
      { AlarmNames },
    ))
      for (const alarm of MetricAlarms) found.set(alarm.AlarmName ?? '', alarm);
  }
  return found;
}

function stateOf(name: string, nameOnAws: string, alarm: MetricAlarm): AlarmState {
  const { AlarmDescription: description = '', StateReason: reason = '' } = alarm;
  // StateUpdatedTimestamp also moves when only the reason changes.
  const since = alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp;
  return {
    name,
    nameOnAws,
    stage: stages.find((stage) => name.startsWith(`${stage}-`)),
    state: alarm.StateValue ?? 'INSUFFICIENT_DATA',
    since: since?.getTime(),
    reason,
    description,
    runbook: / Runbook: (\S+)$/.exec(description)?.[1],
  };
}
