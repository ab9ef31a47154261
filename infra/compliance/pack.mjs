// The policy pack that `pulumi preview --policy-pack infra/compliance` loads. Plain JavaScript, since Pulumi
// loads this one file through a ts-node that knows no ES modules; what it imports is loaded by Node itself.
import { PolicyPack } from '@pulumi/policy';
import { checks } from './checks.ts';
import { policiesOf } from './policies.ts';

new PolicyPack('sluice', { policies: policiesOf(checks) });
