import validate from 'asl-validator';
import { describe, expect, test } from 'vitest';
import { drainStates, isCounting, isDraining } from '../../domain/operations/workflow-states.ts';
import { stages } from '../../domain/stage.ts';
import { readTopology } from '../../local-aws/program/topology.ts';
import { parseDefinition, type State } from '../../local-aws/stepfunctions/definition.ts';
import { everything } from './the-program.ts';

const { stateMachines, roles } = readTopology(everything);

describe.each(stateMachines.map((each) => [each.name.replace(/-local$/, ''), each] as const))(
  'the state machine %s',
  (name, { definition, roleArn }) => {
    const parsed = parseDefinition(name, definition);
    const inner = (state: State) => {
      if (state.Type === 'Map') return [state.ItemProcessor];
      return state.Type === 'Parallel' ? state.Branches : [];
    };
    const flows = [parsed, ...Object.values(parsed.States).flatMap(inner)];

    test('is valid States Language', () => {
      const { isValid, errorsText } = validate(JSON.parse(definition), { checkArn: true, checkPaths: true });
      expect(errorsText()).toBe('');
      expect(isValid).toBe(true);
    });

    test('reaches each of its states, and uses each name once', () => {
      for (const { StartAt, States } of flows) {
        const reached = new Set<string>();
        const visit = (at: string) => {
          const state: State | undefined = States[at];
          if (state === undefined || reached.has(at)) return;
          reached.add(at);
          if ('Next' in state && state.Next !== undefined) visit(state.Next);
          if ('Catch' in state) for (const { Next } of state.Catch) visit(Next);
          if (state.Type !== 'Choice') return;
          for (const { Next } of state.Choices) visit(Next);
          if (state.Default !== undefined) visit(state.Default);
        };
        visit(StartAt);
        expect([...reached].sort()).toEqual(Object.keys(States).sort());
      }
      const names = flows.flatMap(({ States }) => Object.keys(States));
      expect(names).toEqual([...new Set(names)]);
      expect(names.filter((each) => each.length > 80)).toEqual([]);
    });

    test('ends with its report, whichever state fails', () => {
      const caught = Object.entries(parsed.States).flatMap(([at, state]) =>
        'Catch' in state && at !== 'Write the report' ? state.Catch.map(({ Next }) => Next) : [],
      );
      expect(caught.length).toBeGreaterThan(4);
      for (const first of caught) {
        const seen = new Set<string>();
        const leadsToReport = (at: string): boolean => {
          if (at === 'Write the report') return true;
          const state = parsed.States[at];
          if (state === undefined || seen.has(at)) return false;
          seen.add(at);
          const next = 'Next' in state && state.Next !== undefined ? [state.Next] : [];
          const choices =
            state.Type === 'Choice' ? [...state.Choices.map(({ Next }) => Next), state.Default ?? ''] : [];
          return [...next, ...choices].some(leadsToReport);
        };
        expect([first, leadsToReport(first)]).toEqual([first, true]);
      }
    });

    test('waits for the stages in states that the commands recognize', () => {
      const names = Object.keys(parsed.States);
      expect(names.filter(isDraining).sort()).toEqual(Object.values(drainStates).sort());
      const branches = Object.values(parsed.States).flatMap((state) =>
        state.Type === 'Parallel' ? state.Branches.flatMap(({ States }) => Object.keys(States)) : [],
      );
      expect(branches).toHaveLength(2 * stages.length);
      expect(flows.flatMap(({ States }) => Object.keys(States)).filter(isCounting)).toEqual(branches);
    });

    test('may only call its two functions, read queues, crawl, list and run its own children', () => {
      const own = roles.find(({ arn }) => arn === roleArn);
      const actions = own?.policies.flatMap(({ document }) =>
        (JSON.parse(document) as { Statement: { Action: string[] }[] }).Statement.flatMap(
          ({ Action }) => Action,
        ),
      );
      const wanted = (actions ?? []).filter((each) => !/^(logs|xray):/.test(each));
      expect([...new Set(wanted)].sort()).toEqual(
        [
          'glue:GetCrawler',
          'glue:StartCrawler',
          'lambda:InvokeFunction',
          's3:ListBucket',
          'sqs:GetQueueAttributes',
          'states:DescribeExecution',
          'states:StartExecution',
          'states:StopExecution',
          ...(name.endsWith('backfill')
            ? ['kms:Decrypt', 's3:GetObject']
            : ['lambda:GetFunctionConfiguration']),
        ].sort(),
      );
    });
  },
);
