import type { Resource } from '../../../local-aws/program/program.ts';

interface Fault {
  readonly title: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** What the finding must name. */
  readonly finding: RegExp;
}

/** One of each kind that the check is for. It finds them in every run, or can't be trusted. */
const faults: readonly Fault[] = [
  {
    title: 'a value that the enum lacks',
    type: 'aws:lambda/function:Function',
    inputs: { architectures: ['arm'] },
    finding: /Architectures.*'arm' is not one of/,
  },
  {
    title: 'a name that is too long',
    type: 'aws:iam/role:Role',
    outputs: { name: 'a'.repeat(65) },
    finding: /RoleName.*(longer|above 64)/,
  },
  {
    title: 'a property that does not exist',
    type: 'aws:sqs/queue:Queue',
    inputs: { visibility: 30 },
    finding: /'Visibility' was unexpected/,
  },
  {
    title: 'a number that is too large',
    type: 'aws:lambda/eventSourceMapping:EventSourceMapping',
    inputs: { scalingConfig: { maximumConcurrency: 1001 } },
    finding: /MaximumConcurrency.*1001/,
  },
  {
    title: 'a parameter that the API lacks',
    type: 'aws:redshiftdata/statement:Statement',
    inputs: { workgroup: 'other' },
    finding: /has no parameter Workgroup/,
  },
  {
    title: 'a text that does not match its pattern',
    type: 'aws:redshiftserverless/usageLimit:UsageLimit',
    inputs: { period: 'hourly' },
    finding: /period is 'hourly'/i,
  },
];

/** Stacks of one resource each, which has a fault, and what must be found of it. */
export function breaking(resources: readonly Resource[]) {
  return faults.map(({ title, type, inputs, outputs, finding }) => {
    const sound = resources.find((each) => each.type === type);
    if (sound === undefined) throw new Error(`There is no ${type} to break.`);
    const broken = {
      ...sound,
      inputs: { ...sound.inputs, ...inputs },
      outputs: { ...sound.outputs, ...outputs },
    };
    return { title, resources: [broken], finding };
  });
}
