import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';

/** A security group whose rules name other groups, never addresses. */
export class SecurityGroup extends pulumi.ComponentResource {
  readonly id: pulumi.Output<string>;
  readonly #name: string;

  constructor(
    name: string,
    args: { readonly vpcId: pulumi.Output<string>; readonly description: string },
    options: pulumi.ComponentResourceOptions,
  ) {
    super('sluice:infra:SecurityGroup', name, {}, options);
    this.#name = name;
    this.id = new aws.ec2.SecurityGroup(name, { ...args, tags: { Name: name } }, { parent: this }).id;
    this.registerOutputs({ id: this.id });
  }

  /**
   * Allows connections from members of this group to members of the other.
   *
   * @returns an egress rule here and an ingress rule there; a connection needs both
   */
  connectsTo(other: SecurityGroup, port: number): readonly pulumi.Resource[] {
    const tcp = { ipProtocol: 'tcp', fromPort: port, toPort: port };
    const name = `${this.#name}-to-${other.#name.split('-').at(-1)}`;
    return [
      new aws.vpc.SecurityGroupEgressRule(
        name,
        { ...tcp, securityGroupId: this.id, referencedSecurityGroupId: other.id },
        { parent: this },
      ),
      new aws.vpc.SecurityGroupIngressRule(
        name,
        { ...tcp, securityGroupId: other.id, referencedSecurityGroupId: this.id },
        { parent: other },
      ),
    ];
  }

  /**
   * Allows connections from members of this group to an AWS service over TLS, such as S3 by its prefix list.
   */
  connectsToService(name: string, prefixListId: pulumi.Output<string>): pulumi.Resource {
    return new aws.vpc.SecurityGroupEgressRule(
      `${this.#name}-to-${name}`,
      { ipProtocol: 'tcp', fromPort: 443, toPort: 443, securityGroupId: this.id, prefixListId },
      { parent: this },
    );
  }
}
