import type { ParsedStatement } from '../../iam/documents.ts';
import type { Check, Registered } from '../check.ts';
import { aliasOf, at, functionOf, list, number, statements } from '../resource.ts';

const lambda = 'aws:lambda/function:Function';
const role = 'aws:iam/role:Role';

/** Functions and the permissions of their roles. */
export const functionChecks: readonly Check[] = [
  {
    name: 'function-explicit',
    rule: 'A function sets its memory and timeout, runs on arm64, and is traced.',
    reason: 'The defaults, 128 MB and 3 s on x86, suit none of the functions.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }) =>
      inputs['memorySize'] !== undefined &&
      inputs['timeout'] !== undefined &&
      list(inputs['architectures']).includes('arm64') &&
      at(inputs, 'tracingConfig.mode') === 'Active',
  },
  {
    name: 'function-logs',
    rule: 'A function writes to a log group of the stack that has a retention.',
    reason: 'Lambda keeps the log groups that it creates itself for ever.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }, all) => {
      const name = at(inputs, 'loggingConfig.logGroup');
      const group = all.find(
        (each) => each.type === 'aws:cloudwatch/logGroup:LogGroup' && each.outputs['name'] === name,
      );
      return number(group?.inputs['retentionInDays'], 0) > 0;
    },
  },
  {
    name: 'called-by-alias',
    rule: 'A queue calls a function by an alias that points to the version of the same deployment.',
    reason:
      'Lambda changes variables and code in two calls, so in between the old code has the new variables.',
    source: 'Lambda guide, configuration-versions; API reference, UpdateFunctionCode',
    type: 'aws:lambda/eventSourceMapping:EventSourceMapping',
    passes: (mapping, all) => {
      const called = functionOf(mapping, all);
      return (
        called?.inputs['publish'] === true &&
        aliasOf(mapping, all)?.inputs['functionVersion'] === called.outputs['version']
      );
    },
  },
  {
    name: 'least-privilege',
    rule: 'A role’s policies are readable and name each action and each resource, or everything within one resource of the stack.',
    reason: 'Each function gets only the permissions that it uses.',
    source: 'serverless-rules; Service authorization reference',
    type: 'aws:iam/rolePolicy:RolePolicy',
    passes: ({ inputs }, all) => {
      const allowed = statements(inputs['policy']);
      return (
        allowed?.filter(({ Effect }) => Effect === 'Allow').every((each) => isNarrow(each, all)) ?? false
      );
    },
  },
  {
    name: 'permissions-in-one-place',
    rule: 'A role’s permissions come only from RolePolicy resources: it has no attached, managed or inline policies.',
    reason: 'The check of permissions reads only RolePolicy resources.',
    source: 'IAM guide, access_policies_managed-vs-inline',
    type: [
      role,
      'aws:iam/policyAttachment:PolicyAttachment',
      'aws:iam/rolePolicyAttachment:RolePolicyAttachment',
      'aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive',
    ],
    passes: ({ type, inputs }) =>
      type === role && inputs['managedPolicyArns'] === undefined && inputs['inlinePolicies'] === undefined,
  },
  {
    name: 'key-through-services',
    rule: 'A role may use a key only through the services that encrypt with it.',
    reason: 'Stolen role credentials must not be enough to decrypt a stolen ciphertext.',
    source: 'KMS guide, conditions-kms, kms:ViaService',
    type: 'aws:iam/rolePolicy:RolePolicy',
    passes: ({ inputs }) =>
      (statements(inputs['policy']) ?? [])
        .filter(({ Effect, Action }) => Effect === 'Allow' && Action.some((each) => /^(kms:|\*)/i.test(each)))
        .every(({ Condition }) => namesKey(Condition, ['StringEquals', 'StringLike'], ['kms:ViaService'])),
  },
  {
    name: 'trust-names-whom',
    rule: 'A service may assume a role only for this account or one of its resources; Lambda and Glue are exempt: they check iam:PassRole, and Glue’s pages do not say that its crawlers name the account.',
    reason: 'A service also works for other accounts, and they must not make it use this account’s roles.',
    source: 'IAM guide, confused-deputy',
    type: role,
    passes: ({ inputs }) =>
      statements(inputs['assumeRolePolicy'])?.every(
        ({ Principal, Condition }) =>
          ['lambda.amazonaws.com', 'glue.amazonaws.com'].includes(Principal.join()) ||
          namesKey(
            Condition,
            ['StringEquals', 'StringEqualsIfExists', 'ArnLike'],
            ['aws:SourceAccount', 'aws:SourceArn'],
          ),
      ) ?? false,
  },
  {
    name: 'own-role',
    rule: 'No two functions share a role.',
    reason: 'With a shared role, each function also gets the other’s permissions.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }, all) =>
      all.filter((each) => each.type === lambda && each.inputs['role'] === inputs['role']).length === 1,
  },
];

/** Whether one of the operators of a condition has one of the keys. */
const namesKey = (
  condition: ParsedStatement['Condition'],
  operators: readonly string[],
  keys: readonly string[],
): boolean => operators.some((operator) => keys.some((key) => condition[operator]?.[key] !== undefined));

/**
 * X-Ray's actions (Service authorization reference, AWS X-Ray) and log delivery (Step Functions guide,
 * cw-logs) take no resources. Lambda refuses a role in a VPC whose permission to create network interfaces is
 * limited to some resources (Lambda guide, configuration-vpc).
 */
const withoutResources = new Set([
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'logs:CreateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:DescribeLogGroups',
  'logs:DescribeResourcePolicies',
  'logs:GetLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:UpdateLogDelivery',
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]);

/** Crawlers of all stacks write to a group that Glue creates (Glue guide, monitor-continuous-logging). */
const crawlersLogs = /^arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:\/aws-glue\/crawlers:\*$/;

/**
 * Whether an allow statement names its actions and resources. `*` and `?` are wildcards (IAM guide,
 * reference_policies_elements_resource).
 */
function isNarrow(allowed: ParsedStatement, all: readonly Registered[]): boolean {
  const { Action, NotAction, Resource, NotResource } = allowed;
  const has = (wildcard: string) => /[*?]/.test(wildcard);
  const liesWithin = (resource: string) =>
    beginnings(all).some((one) => !has(one) && resource.startsWith(one));
  return (
    NotAction === undefined &&
    NotResource === undefined &&
    Action.length > 0 &&
    Resource.length > 0 &&
    !Action.some(has) &&
    (Resource.every((resource) => !has(resource) || liesWithin(resource)) ||
      (Resource.join() === '*' && Action.every((action) => withoutResources.has(action))) ||
      (Resource.every((resource) => crawlersLogs.test(resource)) &&
        Action.every((action) => action.startsWith('logs:'))))
  );
}

/** What the ARNs begin with that lie within a resource of the stack. */
function beginnings(all: readonly Registered[]): string[] {
  return all.flatMap(({ type, outputs: { arn } }) => {
    if (arn === undefined) return [];
    // The ARNs of executions and map runs are derived from the state machine's.
    if (type === 'aws:sfn/stateMachine:StateMachine')
      return [
        `${String(arn).replace(':stateMachine:', ':execution:')}:`,
        `${String(arn).replace(':stateMachine:', ':mapRun:')}/`,
      ];
    return [`${arn}/`, `${arn}:`];
  });
}
