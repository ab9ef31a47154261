import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, Caller } from '../core/call.ts';
import { InvalidPolicy } from '../iam/conditions.ts';
import { person } from '../iam/credentials.ts';
import { arnGlob, glob } from '../iam/pattern.ts';
import { evaluate, parsePolicy } from '../iam/policy.ts';
import { createPolicyEngine, type PolicyEngine } from '../iam/policy-engine.ts';

const role = 'arn:aws:iam::000000000000:role/extraction';
const asRole: Caller = { kind: 'role', principal: role };
const bucket = 'arn:aws:s3:::raw';
const object = `${bucket}/recipes/a.json`;
const queue = 'arn:aws:sqs:us-east-1:000000000000:extraction';
const rule = 'arn:aws:events:us-east-1:000000000000:rule/extraction';
const key = 'arn:aws:kms:us-east-1:000000000000:key/1';
const events: Caller = { kind: 'service', principal: 'events.amazonaws.com', sourceArn: rule };

const document = (...statements: object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = { Effect: 'Allow', Action: 's3:GetObject', Resource: `${bucket}/*` };
const deny = { ...allow, Effect: 'Deny' };

interface Policies {
  identity?: object[];
  resource?: Record<string, object[]>;
  keys?: Record<string, string>;
}

function engine({ identity = [], resource = {}, keys = {} }: Policies): PolicyEngine {
  return createPolicyEngine({
    roles: [{ arn: role, policies: [{ name: 'inline', document: document(...identity) }] }],
    resourcePolicies: new Map(
      Object.entries(resource).map(([arn, statements]) => [arn, document(...statements)]),
    ),
    keys: new Map(Object.entries(keys)),
  });
}

const get: Call = { caller: asRole, operation: 'GetObject', action: 's3:GetObject', resource: object };
const verdict = (policies: Policies, call: Partial<Call> = {}) =>
  engine(policies)
    .authorize({ ...get, ...call })
    .then(
      () => 'allowed',
      (error: { code: string }) => error.code,
    );

describe('a role', () => {
  test.each<[string, Policies, string]>([
    ['has no policy', {}, 'AccessDenied'],
    ['is allowed by its own policy', { identity: [allow] }, 'allowed'],
    [
      'is allowed by the bucket policy alone',
      { resource: { [bucket]: [{ ...allow, Principal: { AWS: role } }] } },
      'allowed',
    ],
    ['is allowed as everybody is', { resource: { [bucket]: [{ ...allow, Principal: '*' }] } }, 'allowed'],
    [
      'is not the one whom the bucket policy allows',
      { resource: { [bucket]: [{ ...allow, Principal: { AWS: `${role}-other` } }] } },
      'AccessDenied',
    ],
    [
      'is only in the account that the bucket policy allows',
      { resource: { [bucket]: [{ ...allow, Principal: { AWS: 'arn:aws:iam::000000000000:root' } }] } },
      'AccessDenied',
    ],
    ['is denied by its own policy as well', { identity: [allow, deny] }, 'AccessDenied'],
    [
      'is denied by the bucket policy',
      { identity: [allow], resource: { [bucket]: [{ ...deny, Principal: '*' }] } },
      'AccessDenied',
    ],
    [
      'is denied through its account',
      { identity: [allow], resource: { [bucket]: [{ ...deny, Principal: { AWS: '000000000000' } }] } },
      'AccessDenied',
    ],
    [
      'is spared by NotPrincipal',
      { identity: [allow], resource: { [bucket]: [{ ...deny, NotPrincipal: { AWS: role } }] } },
      'allowed',
    ],
    [
      'is not spared by NotPrincipal',
      { identity: [allow], resource: { [bucket]: [{ ...deny, NotPrincipal: { AWS: `${role}-other` } }] } },
      'AccessDenied',
    ],
    ['is allowed all of the service', { identity: [{ ...allow, Action: 's3:*' }] }, 'allowed'],
    ['is allowed in other letters', { identity: [{ ...allow, Action: 'S3:getobject' }] }, 'allowed'],
    ['is allowed one character less', { identity: [{ ...allow, Action: 's3:GetObjec' }] }, 'AccessDenied'],
    ['is allowed by ?', { identity: [{ ...allow, Action: 's3:Get?bject' }] }, 'allowed'],
    [
      'is allowed all but another action',
      { identity: [{ Effect: 'Allow', NotAction: 's3:PutObject', Resource: '*' }] },
      'allowed',
    ],
    [
      'is allowed all but this action',
      { identity: [{ Effect: 'Allow', NotAction: 's3:Get*', Resource: '*' }] },
      'AccessDenied',
    ],
    [
      'is allowed another prefix',
      { identity: [{ ...allow, Resource: `${bucket}/passengers/*` }] },
      'AccessDenied',
    ],
    [
      'is allowed the bucket but not its objects',
      { identity: [{ ...allow, Resource: bucket }] },
      'AccessDenied',
    ],
    [
      'is allowed all but another resource',
      { identity: [{ Effect: 'Allow', Action: '*', NotResource: queue }] },
      'allowed',
    ],
    [
      'is allowed all but this resource',
      { identity: [{ Effect: 'Allow', Action: '*', NotResource: `${bucket}/*` }] },
      'AccessDenied',
    ],
  ])('that %s', async (_, policies, expected) => {
    expect(await verdict(policies)).toBe(expected);
  });

  test('that the program does not have is allowed nothing', async () => {
    expect(await verdict({ identity: [allow] }, { caller: { kind: 'role', principal: `${role}-2` } })).toBe(
      'AccessDenied',
    );
  });
});

test('the local user may do everything that no policy denies', async () => {
  expect(await verdict({}, { caller: person })).toBe('allowed');
  expect(await verdict({ resource: { [bucket]: [{ ...deny, Principal: '*' }] } }, { caller: person })).toBe(
    'AccessDenied',
  );
});

describe('a service', () => {
  const send: Call = { caller: events, operation: 'SendMessage', action: 'sqs:SendMessage', resource: queue };
  const fromRule = {
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: ['sqs:SendMessage'],
    Resource: queue,
    Condition: { ArnEquals: { 'aws:SourceArn': rule } },
  };
  test.each<[string, object[], Partial<Call>, string]>([
    ['is allowed by the queue policy', [fromRule], {}, 'allowed'],
    ['needs a queue policy', [], {}, 'AccessDenied'],
    [
      'must come from the rule that is named',
      [fromRule],
      { caller: { ...events, sourceArn: `${rule}-2` } },
      'AccessDenied',
    ],
    [
      'must say on whose behalf it comes',
      [fromRule],
      { caller: { kind: 'service', principal: 'events.amazonaws.com' } },
      'AccessDenied',
    ],
    [
      'must be the one that is named',
      [fromRule],
      { caller: { ...events, principal: 's3.amazonaws.com' } },
      'AccessDenied',
    ],
    ['may not do more', [fromRule], { action: 'sqs:ReceiveMessage' }, 'AccessDenied'],
  ])('%s', async (_, statements, call, expected) => {
    expect(await verdict({ resource: { [queue]: statements } }, { ...send, ...call })).toBe(expected);
  });

  test('may assume a role whose trust policy says so', async () => {
    const trust = {
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    };
    const assume = { action: 'sts:AssumeRole', resource: role, operation: 'AssumeRole' };
    const lambda: Caller = { kind: 'service', principal: 'lambda.amazonaws.com' };
    expect(await verdict({ resource: { [role]: [trust] } }, { ...assume, caller: lambda })).toBe('allowed');
    expect(await verdict({ resource: { [role]: [trust] } }, { ...assume, caller: events })).toBe(
      'AccessDeniedException',
    );
  });
});

describe('a condition', () => {
  const under = (Condition: object) => ({ identity: [{ ...allow, Condition }] });
  test.each<[object, Record<string, string>, boolean]>([
    [{ StringEquals: { 's3:prefix': 'a' } }, { 's3:prefix': 'a' }, true],
    [{ StringEquals: { 'S3:Prefix': ['b', 'a'] } }, { 's3:prefix': 'a' }, true],
    [{ StringEquals: { 's3:prefix': 'a' } }, { 's3:prefix': 'A' }, false],
    [{ StringEquals: { 's3:prefix': 'a' } }, {}, false],
    [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, {}, true],
    [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, { 's3:prefix': 'b' }, false],
    [{ StringNotEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': 'b' }, false],
    [{ StringNotEquals: { 's3:prefix': 'a' } }, {}, true],
    [{ StringEqualsIgnoreCase: { 's3:prefix': 'a' } }, { 's3:prefix': 'A' }, true],
    [{ StringLike: { 's3:prefix': 'a/*' } }, { 's3:prefix': 'a/b/c' }, true],
    [{ StringLike: { 's3:prefix': 'a.' } }, { 's3:prefix': 'ab' }, false],
    [{ StringNotLike: { 's3:prefix': 'a*' } }, { 's3:prefix': 'abc' }, false],
    [{ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/ext*' } }, {}, true],
    [{ ArnNotEquals: { 'aws:PrincipalArn': role } }, {}, false],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, {}, true],
    [{ Bool: { 'aws:SecureTransport': false } }, {}, false],
    [{ Null: { 's3:VersionId': 'true' } }, {}, true],
    [{ Null: { 's3:VersionId': 'false' } }, {}, false],
    [{ Null: { 's3:VersionId': 'true' } }, { 's3:versionid': 'v' }, false],
    [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '10' }, true],
    [{ NumericLessThan: { 's3:max-keys': 10 } }, { 's3:max-keys': '10' }, false],
    [{ NumericGreaterThan: { 's3:max-keys': '10' } }, { 's3:max-keys': '9' }, false],
    [{ NumericEquals: { 's3:max-keys': '0' } }, { 's3:max-keys': '' }, false],
    [
      { StringEquals: { 'aws:PrincipalAccount': '000000000000' }, StringLike: { 's3:prefix': 'b' } },
      { 's3:prefix': 'a' },
      false,
    ],
  ])('%j over %j holds: %s', async (condition, context, holds) => {
    expect(await verdict(under(condition), { context })).toBe(holds ? 'allowed' : 'AccessDenied');
  });

  test.each([
    { StringEquels: { 's3:prefix': 'a' } },
    { DateGreaterThan: { 'aws:SecureTransport': '2026-01-01' } },
    { 'ForAllValues:StringEquals': { 's3:prefix': 'a' } },
    { StringEquals: { 'aws:SourceVpc': 'vpc-1' } },
    { StringEquals: { 's3:prefix': ['home/$', '{aws:username}'].join('') } },
    { StringEquals: { 's3:prefix': [] } },
    { Null: { 's3:prefix': 'maybe' } },
  ])('%j is refused as an invalid policy', (condition) => {
    expect(() => engine(under(condition))).toThrow(InvalidPolicy);
  });
});

test.each<[string, Policies]>([
  ['an unknown element', { identity: [{ ...allow, Resources: '*' }] }],
  ['a principal in an identity policy', { identity: [{ ...allow, Principal: '*' }] }],
  ['no principal in a bucket policy', { resource: { [bucket]: [allow] } }],
  ['an unknown kind of principal', { resource: { [bucket]: [{ ...allow, Principal: { Federated: 'x' } }] } }],
  [
    'a principal with a wildcard',
    { resource: { [bucket]: [{ ...allow, Principal: { AWS: 'arn:aws:iam::000000000000:role/*' } }] } },
  ],
  ['NotPrincipal with Allow', { resource: { [bucket]: [{ ...allow, NotPrincipal: '*' }] } }],
  ['no action', { identity: [{ Effect: 'Allow', Resource: '*' }] }],
  ['both Action and NotAction', { identity: [{ ...allow, NotAction: 's3:*' }] }],
  ['an action without a service', { identity: [{ ...allow, Action: 'GetObject' }] }],
  ['no resource', { identity: [{ Effect: 'Allow', Action: 's3:*' }] }],
  ['a resource that is no ARN', { identity: [{ ...allow, Resource: 'raw/*' }] }],
  ['a policy variable', { identity: [{ ...allow, Resource: `${bucket}/$`.concat('{aws:username}/*') }] }],
  ['an effect in lower case', { identity: [{ ...allow, Effect: 'allow' }] }],
])('a policy with %s is refused', (_, policies) => {
  expect(() => engine(policies)).toThrow(InvalidPolicy);
});

describe('a denial names principal, action, resource and', () => {
  const refusal = (policies: Policies, call: Partial<Call> = {}) =>
    engine(policies)
      .authorize({ ...get, ...call })
      .then(
        () => '',
        (error: Error) => error.message,
      );

  test('that no identity-based policy allows it', async () => {
    expect(await refusal({})).toBe(
      `User: ${role} is not authorized to perform: s3:GetObject on resource: ${object} because no identity-based policy allows the s3:GetObject action`,
    );
  });

  test('that no resource-based policy allows it to a service', async () => {
    expect(await refusal({}, { caller: events, action: 'sqs:SendMessage', resource: queue })).toContain(
      'because no resource-based policy allows the sqs:SendMessage action',
    );
  });

  test('the statement that denied it', async () => {
    const resource = { [bucket]: [{ ...deny, Sid: 'NobodyReads', Principal: '*' }] };
    expect(await refusal({ identity: [allow], resource })).toContain(
      'with an explicit deny in a resource-based policy (statement NobodyReads of the policy of arn:aws:s3:::raw)',
    );
    expect(await refusal({ identity: [allow, deny] })).toContain(
      'with an explicit deny in an identity-based policy (statement 2 of inline)',
    );
  });
});

describe('an encrypted bucket or queue', () => {
  const delegated = {
    Effect: 'Allow',
    Principal: { AWS: 'arn:aws:iam::000000000000:root' },
    Action: 'kms:*',
    Resource: '*',
  };
  const useKey = { Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: key };
  const keys = { [bucket]: key, [queue]: key };

  test.each<[string, object[], object[], string]>([
    ['the key policy leaves it to the account and the role may', [allow, useKey], [delegated], 'allowed'],
    ['the role may not', [allow], [delegated], 'AccessDenied'],
    ['the key policy does not leave it to the account', [allow, useKey], [], 'AccessDenied'],
    ['the key policy names the role', [allow], [{ ...delegated, Principal: { AWS: role } }], 'allowed'],
    [
      'the key may only be used through another service',
      [
        allow,
        { ...useKey, Condition: { StringEquals: { 'kms:ViaService': 'sqs.us-east-1.amazonaws.com' } } },
      ],
      [delegated],
      'AccessDenied',
    ],
    [
      'the key may only be used through this service',
      [allow, { ...useKey, Condition: { StringEquals: { 'kms:ViaService': 's3.us-east-1.amazonaws.com' } } }],
      [delegated],
      'allowed',
    ],
  ])('when %s', async (_, identity, keyPolicy, expected) => {
    expect(await verdict({ identity, keys, resource: { [key]: keyPolicy } })).toBe(expected);
  });

  test('requires the key permissions of each operation', async () => {
    const may = (action: string) => ({
      identity: [{ Effect: 'Allow', Action: ['s3:*', 'sqs:*', action], Resource: '*' }],
      keys,
      resource: { [key]: [delegated] },
    });
    const put = { operation: 'PutObject', action: 's3:PutObject' };
    expect(await verdict(may('kms:GenerateDataKey'), put)).toBe('allowed');
    expect(await verdict(may('kms:GenerateDataKey'), { ...put, operation: 'UploadPart' })).toBe(
      'AccessDenied',
    );
    expect(await verdict(may('kms:Decrypt'), put)).toBe('AccessDenied');
    expect(await verdict(may('iam:Nothing'), { operation: 'HeadObject' })).toBe('allowed');
    const withChecksum = { operation: 'HeadObject', wantsChecksum: true };
    expect(await verdict(may('iam:Nothing'), withChecksum)).toBe('AccessDenied');
    expect(await verdict(may('kms:Decrypt'), withChecksum)).toBe('allowed');
    expect(await verdict(may('iam:Nothing'), { operation: 'DeleteObject' })).toBe('allowed');
    const receive = { operation: 'ReceiveMessage', action: 'sqs:ReceiveMessage', resource: queue };
    expect(await verdict(may('kms:Decrypt'), receive)).toBe('allowed');
    expect(await verdict(may('kms:GenerateDataKey'), receive)).toBe('KmsAccessDenied');
  });

  test('lets EventBridge send when the key policy allows it for the account', async () => {
    const sends = {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queue,
    };
    const uses = {
      ...sends,
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': '000000000000' } },
    };
    const call = { caller: events, operation: 'SendMessage', action: 'sqs:SendMessage', resource: queue };
    expect(await verdict({ keys, resource: { [queue]: [sends], [key]: [uses] } }, call)).toBe('allowed');
    expect(await verdict({ keys, resource: { [queue]: [sends], [key]: [] } }, call)).toBe('KmsAccessDenied');
  });
});

test('the usage report lists each role’s used and never used permissions', async () => {
  const tallied = engine({
    identity: [
      {
        Sid: 'Read',
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject'],
        Resource: [`${bucket}/*`, queue],
      },
      deny,
    ],
  });
  await expect(tallied.authorize(get)).rejects.toThrow();
  await expect(tallied.authorize(get)).rejects.toThrow();
  await tallied.authorize({ ...get, action: 's3:PutObject' });
  expect(tallied.uses()).toEqual([
    {
      role,
      statements: [
        {
          policy: 'inline',
          statement: 'Read',
          actions: [
            { pattern: 's3:GetObject', uses: 0 },
            { pattern: 's3:PutObject', uses: 1 },
          ],
          resources: [
            { pattern: `${bucket}/*`, uses: 1 },
            { pattern: queue, uses: 0 },
          ],
        },
      ],
    },
  ]);
  expect(tallied.denials()).toMatchObject([
    { principal: role, action: 's3:GetObject', resource: object, times: 2 },
  ]);
});

test('refusals of a bucket’s objects are reported as one, with the first as the example', async () => {
  const tallied = engine({ identity: [{ ...allow, Action: 's3:ListBucket' }] });
  for (let index = 0; index < 100; index += 1)
    await expect(tallied.authorize({ ...get, resource: `${object}-${index}` })).rejects.toThrow(`-${index} `);
  await expect(tallied.authorize({ ...get, resource: `${bucket}-2/k` })).rejects.toThrow();
  expect(tallied.denials()).toMatchObject([
    { resource: `${object}-0`, times: 100 },
    { resource: `${bucket}-2/k`, times: 1 },
  ]);
});

describe('for all policies', () => {
  const action = fc.constantFrom('s3:GetObject', 's3:Get*', 's3:PutObject', '*', 's3:*');
  const resource = fc.constantFrom('*', `${bucket}/*`, `${bucket}/recipes/?.json`, queue);
  const statement = fc.record({
    Effect: fc.constantFrom('Allow', 'Deny'),
    Action: action,
    Resource: resource,
  });
  const decide = (statements: object[]) =>
    evaluate({ ...get, context: {} }, parsePolicy('p', document(...statements), 'identity')).effect;

  test('one matching deny wins over any number of allows, in any order', () => {
    fc.assert(
      fc.property(fc.array(statement), fc.nat(), (statements, seed) => {
        const at = seed % (statements.length + 1);
        const denied = [...statements.slice(0, at), deny, ...statements.slice(at)];
        expect(decide(denied)).toBe('denied');
      }),
    );
  });

  test('the order of statements does not matter', () => {
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        expect(decide([...statements].reverse())).toBe(decide(statements));
      }),
    );
  });

  test('a further allow never removes access, and a further deny never grants it', () => {
    fc.assert(
      fc.property(fc.array(statement), statement, (statements, further) => {
        const before = decide(statements) === 'allowed';
        const after = decide([...statements, further]) === 'allowed';
        if (further.Effect === 'Allow' && before) expect(after).toBe(true);
        if (further.Effect === 'Deny' && after) expect(before).toBe(true);
      }),
    );
  });
});

describe('wildcards', () => {
  /** What * and ? mean, as plainly as it can be said. */
  const matches = (pattern: string, value: string): boolean => {
    if (pattern === '') return value === '';
    if (pattern[0] === '*')
      return matches(pattern.slice(1), value) || (value !== '' && matches(pattern, value.slice(1)));
    return (
      value !== '' &&
      (pattern[0] === '?' || pattern[0] === value[0]) &&
      matches(pattern.slice(1), value.slice(1))
    );
  };

  test('match the same as a naive implementation', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '(', '\n', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (pattern, value) => {
        expect(glob(pattern)(value)).toBe(matches(pattern, value));
      }),
    );
  });

  test('do not match a colon of an ARN, except in its last part', () => {
    expect(arnGlob('arn:aws:s3:*')('arn:aws:s3:::raw')).toBe(false);
    expect(arnGlob('arn:aws:s3:::*')('arn:aws:s3:::raw/a:b')).toBe(true);
    expect(arnGlob('arn:aws:sqs:*:000000000000:*')(queue)).toBe(true);
    expect(arnGlob('arn:aws:*:extraction')(queue)).toBe(false);
    expect(arnGlob('*')(queue)).toBe(true);
  });
});
